//! Stacks that carry our tags and that no stage document knows; and what is deleted by force.

use std::collections::BTreeMap;
use std::time::Duration;

use bluestage::actions::Sweeper;
use bluestage::ports::{ExecutionStatus, StackSpec};
use bluestage::release::StackRef;

use crate::memory::stages::PLACE;
use crate::memory::{Break, GRACE, Memory, of, stage_name};

const HOUR: Duration = Duration::from_secs(60 * 60);

/// The tags of a stack of orders.
fn tags(changed: &[(&str, Option<&str>)]) -> BTreeMap<String, String> {
    let all = [
        ("stage", "test"),
        ("service", "orders"),
        ("version", "v9-0a0a0a0a"),
        ("execution", "long-ago"),
        ("state", PLACE),
    ];
    let mut tags: BTreeMap<String, String> =
        all.into_iter().map(|(name, value)| (format!("bluestage:{name}"), value.to_owned())).collect();
    for (name, value) in changed {
        match value {
            Some(value) => tags.insert((*name).to_owned(), (*value).to_owned()),
            None => tags.remove(*name),
        };
    }
    tags
}

/// The name that bluestage gives to the stack of that version.
const NAME: &str = "test-orders-v9-0a0a0a0a";

/// A stack of this name with these tags, made an hour ago.
async fn stack(world: &Memory, name: &str, tags: BTreeMap<String, String>) {
    made_now(world, name, tags).await;
    world.pass(HOUR).await;
}

async fn made_now(world: &Memory, name: &str, tags: BTreeMap<String, String>) {
    let spec = StackSpec {
        stack: StackRef { name: name.to_owned(), id: None, changed_at: None },
        stage: stage_name(),
        template: "{}".to_owned(),
        parameters: BTreeMap::new(),
        tags,
        capabilities: Vec::new(),
        role_arn: None,
        request_token: "once".to_owned(),
    };
    let ports = world.ports("a");
    for _ in 0..2 {
        ports.stacks.ensure(&spec).await.unwrap();
    }
}

/// A world in which stage `test` has a document.
async fn world() -> Memory {
    let world = Memory::new();
    world.release("mail").goes_live().await;
    world
}

/// What a sweep says about the only stack that it leaves, which is there afterwards, too.
async fn why_left(world: &Memory, name: &str) -> String {
    let sweeper = Sweeper::new(GRACE);
    let plan = world.plan_of(&sweeper).await;
    let swept = world.sweep_by(&sweeper).await.unwrap();
    assert_eq!(swept.orphans, Vec::<String>::new());
    assert!(world.stacks.names().iter().any(|there| there == name), "{name} is gone");
    let start = format!("leave stack {name}: ");
    let told = plan.iter().find_map(|line| line.strip_prefix(&start));
    told.unwrap_or_else(|| panic!("{plan:?}")).to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_stack_that_no_document_knows_is_planned_for_and_deleted_by_its_id() {
    let world = world().await;
    stack(&world, NAME, tags(&[])).await;
    let plan = world.plan_of(&Sweeper::new(GRACE)).await;
    assert_eq!(plan.len(), 1, "{plan:?}");
    assert!(plan[0].starts_with(&format!("delete stack {NAME}: ")), "{plan:?}");
    let swept = world.sweep().await.unwrap();
    assert_eq!((swept.orphans.as_slice(), swept.troubles.len()), ([NAME.to_owned()].as_slice(), 0));
    assert_eq!(world.stacks.events().last().unwrap(), &format!("deleted arn:stack/{NAME}/2"));
    assert!(!world.stacks.names().contains(&NAME.to_owned()));
}

#[tokio::test(start_paused = true)]
async fn what_a_document_knows_is_no_orphan_however_old_it_is() {
    let world = world().await;
    world.release("mail").goes_live().await;
    world.release("orders").is_tested().await;
    let before = world.stacks.names();
    world.pass(HOUR * 2).await;
    assert_eq!(world.plan_of(&Sweeper::new(GRACE)).await, ["Nothing to do."]);
    assert_eq!(world.sweep().await.unwrap().orphans, Vec::<String>::new());
    assert_eq!(world.stacks.names(), before);
}

#[tokio::test(start_paused = true)]
async fn a_stack_that_was_just_made_is_left_to_whoever_makes_it() {
    let world = world().await;
    made_now(&world, NAME, tags(&[])).await;
    assert!(why_left(&world, NAME).await.contains("less than an hour ago"));
}

#[tokio::test(start_paused = true)]
async fn the_stacks_of_another_bluestage_are_left_to_it() {
    let world = world().await;
    stack(&world, NAME, tags(&[("bluestage:state", Some("s3://theirs/state"))])).await;
    let plan = world.plan_of(&Sweeper::new(GRACE).by_force()).await;
    assert_eq!(plan, ["leave 1 stack to the bluestage at s3://theirs/state"]);
    assert_eq!(world.sweep_by(&Sweeper::new(GRACE).by_force()).await.unwrap().orphans, Vec::<String>::new());
    assert!(world.stacks.names().contains(&NAME.to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_stack_that_does_not_say_whose_it_is_is_left_to_a_person() {
    let world = world().await;
    stack(&world, NAME, tags(&[("bluestage:state", None)])).await;
    assert!(why_left(&world, NAME).await.contains("bluestage:state is missing"));
}

#[tokio::test(start_paused = true)]
async fn a_stack_with_a_fixed_name_is_never_an_orphan() {
    let world = world().await;
    stack(&world, "orders-of-test", tags(&[])).await;
    assert!(why_left(&world, "orders-of-test").await.contains("Strategy=update"));
    let swept = world.sweep_by(&Sweeper::new(GRACE).by_force()).await.unwrap();
    assert_eq!(swept.orphans, Vec::<String>::new(), "not by force either");
}

#[tokio::test(start_paused = true)]
async fn a_stack_whose_stage_cannot_be_read_is_left() {
    let world = world().await;
    world.stages.put(&"another".parse().unwrap(), br#"{"schema": 99}"#);
    let name = "another-orders-v9-0a0a0a0a";
    stack(&world, name, tags(&[("bluestage:stage", Some("another"))])).await;
    let swept = world.sweep().await.unwrap();
    assert!(swept.orphans_left[0].1.contains("could not be read"), "{swept:?}");
    assert!(world.stacks.names().contains(&name.to_owned()));
}

#[tokio::test(start_paused = true)]
async fn the_stacks_of_a_stage_without_a_document_go_only_when_a_person_says_so() {
    let world = world().await;
    let name = "lost-orders-v9-0a0a0a0a";
    stack(&world, name, tags(&[("bluestage:stage", Some("lost"))])).await;
    assert!(why_left(&world, name).await.contains("stage lost has no document"));
    let swept = world.sweep_by(&Sweeper::new(GRACE).by_force()).await.unwrap();
    assert_eq!(swept.orphans, [name]);
}

/// A version that begins while the stacks are looked at is in no document that was read before.
#[tokio::test(start_paused = true)]
async fn the_documents_are_read_after_the_stacks_were_listed() {
    let world = world().await;
    world.sweep().await.unwrap();
    let trail = world.line.trail();
    let listed = trail.iter().rposition(|call| call == "stacks.tagged").expect("it looks for orphans");
    let named = trail.iter().rposition(|call| call == "stages.names").unwrap();
    let read = trail.iter().rposition(|call| call == "stages.read test").unwrap();
    assert!(listed < named && named < read, "{trail:?}");
}

#[tokio::test(start_paused = true)]
async fn orphans_are_not_looked_for_by_every_sweep() {
    let world = world().await;
    for _ in 0..3 {
        world.sweep().await.unwrap();
    }
    assert_eq!(world.line.trail_of(&["stacks.tagged"]).len(), 1);
    world.pass(HOUR).await;
    world.sweep().await.unwrap();
    assert_eq!(world.line.trail_of(&["stacks.tagged"]).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_plan_is_told_although_the_account_may_not_be_looked_at() {
    let world = world().await;
    world.line.breaks("stacks.tagged", Break::Denied);
    let plan = world.plan_of(&Sweeper::new(GRACE)).await;
    assert!(plan[0].contains("could not be looked for"), "{plan:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stack_whose_making_failed_is_retired() {
    let world = world().await;
    let orders = world.release("orders");
    world.stacks.behave(|stacks| stacks.broken = Some(("Table".to_owned(), "it exists".to_owned())));
    // The worker dies where it would take it away itself.
    world.line.breaks_later("stacks.delete", Break::Denied, 0, usize::MAX);
    orders.deploy().await.failed();
    world.line.is_mended();
    world.jobs.execution_is(&orders.execution_id, ExecutionStatus::Over);
    assert_eq!(world.stacks.names().len(), 2);
    assert_eq!(world.sweep().await.unwrap().retired.len(), 1);
    assert_eq!(world.stacks.names().len(), 1);
    assert!(world.versions("orders").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_stack_that_has_nothing_but_a_change_set_is_retired() {
    let world = world().await;
    world.stacks.behave(|stacks| stacks.review = 1_000);
    let orders = world.release("orders");
    let job = orders.job(bluestage::ports::ActionKind::DeployBlue);
    world.turn(&job).await;
    world.jobs.execution_is(&orders.execution_id, ExecutionStatus::Over);
    assert_eq!(world.sweep().await.unwrap().retired.len(), 1);
    assert_eq!(world.stacks.names().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_deleted_is_left_behind_only_by_force_and_named() {
    let world = world().await;
    let orders = world.release("orders");
    let version = orders.is_tested().await;
    world.jobs.execution_is(&orders.execution_id, ExecutionStatus::Over);
    world.stacks.behave(|stacks| stacks.stuck = Some(("Bucket".to_owned(), "it is not empty".to_owned())));
    for _ in 0..2 {
        assert_eq!(world.sweep().await.unwrap().stuck.len(), 1, "a worker never forces");
    }
    let swept = world.sweep_by(&Sweeper::new(GRACE).by_force()).await.unwrap();
    assert_eq!(swept.retired, [of("orders", &version)]);
    let told = &swept.left_behind[0];
    assert!(told.contains("Bucket: it is not empty") && told.contains(&version.stack.name), "{told}");
    assert_eq!(world.stacks.names().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_protected_stack_is_left_and_the_sweep_says_how_to_let_it_go() {
    let world = world().await;
    let orders = world.release("orders");
    let version = orders.is_tested().await;
    world.jobs.execution_is(&orders.execution_id, ExecutionStatus::Over);
    world.stacks.behave(|stacks| stacks.protected = true);
    let swept = world.sweep_by(&Sweeper::new(GRACE).by_force()).await.unwrap();
    let (stuck, why) = &swept.stuck[0];
    assert_eq!(stuck, &of("orders", &version));
    let remedy = format!("--no-enable-termination-protection --stack-name {}", version.stack.name);
    assert!(why.contains("protected against termination") && why.contains(&remedy), "{why}");
    world.stacks.behave(|stacks| stacks.protected = false);
    assert_eq!(world.sweep().await.unwrap().retired.len(), 1, "the next sweep deletes it");
}
