//! deploy-blue: how it waits for stacks that are being made, few or many in one worker.

use std::time::Duration;

use bluestage::actions::{Limits, act};
use bluestage::ports::{ActionKind, Job, Ports, Verdict};
use bluestage::release::State;
use futures::future::join_all;

use crate::memory::release::next;
use crate::memory::{Break, Memory};

const DEPLOY: ActionKind = ActionKind::DeployBlue;

/// More than ask for their stack by itself.
const MANY: usize = 12;

/// So many looks find a stack in the making.
const LOOKS: usize = 40;

/// The jobs that go on with deployments whose stacks are being made.
async fn begun(world: &Memory, services: usize) -> Vec<Job> {
    world.stacks.behave(|stacks| stacks.creating = LOOKS);
    let mut jobs = Vec::new();
    for number in 0..services {
        let job = world.release(&format!("service-{number}")).job(DEPLOY);
        match world.turn(&job).await {
            Some(Verdict::Continue(more)) => jobs.push(next(&job, &more, 0)),
            other => panic!("a stack takes a while, so this cannot be all: {other:?}"),
        }
    }
    jobs
}

/// Plays them together in one worker to their end.
async fn played(world: &Memory, ports: &Ports, mut jobs: Vec<Job>) {
    for turn in 1.. {
        let hold = world.hold();
        let verdicts = join_all(jobs.iter().map(|job| act(ports, Limits::default(), job, &hold))).await;
        let more = jobs.iter().zip(verdicts).filter_map(|(job, verdict)| match verdict {
            Verdict::Continue(more) => Some(next(job, &more, turn)),
            Verdict::Done(_) => None,
            Verdict::Failed(failure) => panic!("{}", failure.message),
        });
        jobs = more.collect();
        if jobs.is_empty() {
            return;
        }
    }
}

/// How often CloudFormation was asked to list those at work, and how often for one stack by itself.
fn asked(world: &Memory, before: usize) -> (usize, usize) {
    let asked = world.line.trail_of(&["stacks."]).split_off(before);
    let listed = asked.iter().filter(|call| *call == "stacks.all_at_work").count();
    (listed, asked.len() - listed)
}

fn all_are_blue(world: &Memory) {
    assert!(world.stage().all_versions().all(|(_, version)| version.state == State::Blue));
}

#[tokio::test(start_paused = true)]
async fn many_deployments_in_one_worker_share_what_they_ask() {
    let world = Memory::new();
    let jobs = begun(&world, MANY).await;
    let (before, began) = (world.line.trail_of(&["stacks."]).len(), world.elapsed());
    played(&world, &world.ports("a"), jobs).await;
    all_are_blue(&world);
    let (listed, alone) = asked(&world, before);
    let most = usize::try_from((world.elapsed() - began).as_secs()).unwrap() / 2 + 1;
    assert!(listed > 5 && listed <= most, "{listed} of at most {most}");
    // Each once as it is ready, and five while nobody else waits yet: at the begin, and after each hold.
    assert!(alone < MANY * LOOKS / 4, "{alone}");
}

#[tokio::test(start_paused = true)]
async fn few_deployments_in_one_worker_ask_for_their_own_stacks() {
    let world = Memory::new();
    let jobs = begun(&world, 3).await;
    let before = world.line.trail_of(&["stacks."]).len();
    played(&world, &world.ports("a"), jobs).await;
    all_are_blue(&world);
    assert_eq!(asked(&world, before).0, 0);
}

#[tokio::test(start_paused = true)]
async fn a_deployment_that_goes_on_in_another_job_goes_on_looking_as_seldom() {
    let world = Memory::new();
    let jobs = begun(&world, 1).await;
    let (before, began) = (world.line.trail_of(&["stacks."]).len(), world.elapsed());
    played(&world, &world.ports("a"), jobs).await;
    let every = (world.elapsed() - began) / u32::try_from(asked(&world, before).1).unwrap();
    // Ten seconds, but for the look with which each job begins. Began the pauses anew with each job, it would be five.
    assert!(every > Duration::from_secs(6), "{every:?}");
}

#[tokio::test(start_paused = true)]
async fn a_listing_that_breaks_while_many_wait_breaks_no_deployment() {
    let world = Memory::new();
    let jobs = begun(&world, MANY).await;
    world.line.breaks("stacks.all_at_work", Break::Unavailable);
    world.line.breaks_later("stacks.all_at_work", Break::LostAnswer, 3, 2);
    played(&world, &world.ports("a"), jobs).await;
    assert_eq!(world.line.broken(), 3);
    all_are_blue(&world);
}

#[tokio::test(start_paused = true)]
async fn a_stack_that_fails_while_many_wait_is_told_with_its_reason() {
    let world = Memory::new();
    let jobs = begun(&world, MANY).await;
    world.stacks.behave(|stacks| stacks.broken = Some(("Table".to_owned(), "no more of them".to_owned())));
    let ports = world.ports("a");
    let mut told = Vec::new();
    let mut left = jobs;
    while !left.is_empty() {
        let hold = world.hold();
        let verdicts = join_all(left.iter().map(|job| act(&ports, Limits::default(), job, &hold))).await;
        let mut more = Vec::new();
        for (job, verdict) in left.iter().zip(verdicts) {
            match verdict {
                Verdict::Continue(goes_on) => more.push(next(job, &goes_on, told.len())),
                Verdict::Failed(failure) => told.push(failure.message.as_str().to_owned()),
                Verdict::Done(_) => panic!("nothing can be made"),
            }
        }
        left = more;
        world.pass(Duration::from_secs(3)).await;
    }
    assert_eq!(told.len(), MANY);
    assert!(told.iter().all(|message| message.contains("no more of them")), "{told:#?}");
}
