//! Every interleaving of a few small worlds, by model checking: the shipping transitions of `release/`, behind a document
//! whose writes lose answers and conflict, between workers that stall, die and get the same job twice.
//!
//! What a world may suffer is counted, so that its states end. The promises of the core are checked in every state by
//! rules that know nothing of how the core keeps them (`rules.rs`).

#![expect(clippy::print_stdout, reason = "how many states were explored is what one wants to know of a model")]

mod flip;
mod rules;
mod scenario;
mod story;
mod task;
mod walk;
mod world;

use scenario::{NOTHING_GOES_WRONG, Plan, Scenario};
use stateright::{Checker, HasDiscoveries, Model};
use world::Left;

const INVENTORY: Plan = plan("inventory", &[]);
const BILLING: Plan = plan("billing", &["inventory"]);
const ORDERS: Plan = plan("orders", &["billing"]);

const fn plan(service: &'static str, wired_to: &'static [&'static str]) -> Plan {
    Plan {
        service,
        wired_to,
        depends_on: &[],
        has_events: false,
        reports_skew: false,
        may_fail: false,
        retries: None,
        is_done: false,
    }
}

const fn done(plan: Plan) -> Plan {
    Plan { is_done: true, ..plan }
}

fn scenario(executions: &[Plan], left: Left) -> Scenario {
    Scenario { executions: executions.to_vec(), keep: 0, left, sweepers: 1, fences: true, finds_orphans: true }
}

/// Walks through every state, and tells how many there were.
fn walk(name: &str, scenario: Scenario, until: HasDiscoveries) -> impl Checker<Scenario> {
    let checker = scenario.checker().threads(2).finish_when(until).spawn_bfs().join();
    println!(
        "model {name}: {} states, {} of them unique, {} deep",
        checker.state_count(),
        checker.unique_state_count(),
        checker.max_depth()
    );
    checker
}

fn check(name: &str, scenario: Scenario) {
    let checker = walk(name, scenario, HasDiscoveries::AnyFailures);
    let found = checker.discoveries();
    let told: Vec<String> = found
        .into_iter()
        .map(|(promise, path)| {
            let broken = path.last_state().broken.unwrap_or("the state itself");
            let happened: Vec<String> = path.into_actions().iter().map(|happens| format!("{happens:?}")).collect();
            format!("{promise}: {broken}\n{}", happened.join("\n"))
        })
        .collect();
    assert!(told.is_empty(), "{name}: {}", told.join("\n\n"));
}

#[test]
fn a_view_through_wiring_survives_promotions_beside_it() {
    let left = Left { redeliveries: 1, ..NOTHING_GOES_WRONG };
    check("wired", scenario(&[done(INVENTORY), done(BILLING), ORDERS, INVENTORY, BILLING], left));
}

#[test]
fn a_lost_answer_or_a_second_delivery_does_nothing_twice() {
    let left = Left { faults: 2, redeliveries: 1, ..NOTHING_GOES_WRONG };
    check("twice", scenario(&[done(INVENTORY), BILLING], left));
}

#[test]
fn what_the_sweep_gives_up_stays_given_up_while_its_worker_runs_on() {
    let left = Left { faults: 1, redeliveries: 1, expiries: 1, ..NOTHING_GOES_WRONG };
    let given_up = Scenario { sweepers: 2, ..scenario(&[done(INVENTORY), BILLING], left) };
    check("given up", given_up);
}

#[test]
fn a_retried_pipeline_stage_replaces_its_blue() {
    let left = Left { faults: 1, ..NOTHING_GOES_WRONG };
    let first = Plan { may_fail: true, ..BILLING };
    let again = Plan { retries: Some(1), ..BILLING };
    check("retried", scenario(&[done(INVENTORY), first, again], left));
}

#[test]
fn skew_that_is_only_reported_breaks_nothing_else() {
    let left = Left { redeliveries: 1, tamperings: 1, ..NOTHING_GOES_WRONG };
    // Nothing but the view holds on to what is only tested with.
    let reports = Plan { reports_skew: true, depends_on: &["inventory"], ..plan("billing", &[]) };
    check("reported", scenario(&[done(INVENTORY), done(reports), reports, INVENTORY], left));
}

#[test]
fn a_switch_back_is_made_once() {
    let left = Left { faults: 1, switches: 1, ..NOTHING_GOES_WRONG };
    let kept = Scenario { keep: 1, ..scenario(&[done(INVENTORY), done(INVENTORY), INVENTORY], left) };
    check("switched back", kept);
}

const EVENTS: Plan = Plan { has_events: true, ..INVENTORY };

#[test]
fn events_are_handed_over_to_one_version_after_the_other() {
    let left = Left { expiries: 1, ..NOTHING_GOES_WRONG };
    check("events", scenario(&[done(EVENTS), EVENTS, BILLING], left));
}

#[test]
fn two_workers_that_hand_the_same_events_over_hand_them_over_once() {
    let left = Left { redeliveries: 1, pauses: 1, ..NOTHING_GOES_WRONG };
    check("two workers", scenario(&[done(EVENTS), EVENTS], left));
}

#[test]
fn two_promotions_that_hand_events_over_wait_for_each_other() {
    let left = Left { switches: 1, ..NOTHING_GOES_WRONG };
    let kept = Scenario { keep: 1, ..scenario(&[done(EVENTS), EVENTS, EVENTS], left) };
    check("two hand-overs", kept);
}

/// Whether the model finds this promise broken when a protection that stands outside the core is taken away: so that one
/// sees that it would.
fn finds(name: &str, scenario: Scenario, promise: &'static str) -> bool {
    let checker = walk(name, scenario, HasDiscoveries::AnyOf([promise].into()));
    checker.discovery(promise).is_some()
}

#[test]
fn without_a_change_set_made_before_the_intent_a_stalled_worker_turns_a_second_version_on() {
    let left = Left { redeliveries: 1, pauses: 1, ..NOTHING_GOES_WRONG };
    let unfenced = Scenario { fences: false, ..scenario(&[done(EVENTS), EVENTS], left) };
    assert!(finds("unfenced", unfenced, "P14: one version gets the events"));
}

#[test]
fn without_a_look_for_stacks_in_no_document_a_stalled_worker_leaves_one_behind() {
    let left = Left { expiries: 1, ..NOTHING_GOES_WRONG };
    let blind = Scenario { finds_orphans: false, ..scenario(&[INVENTORY], left) };
    assert!(finds("blind", blind, "P11: nothing is left behind"));
}
