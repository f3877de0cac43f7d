//! The one way to change a stage: read, apply a pure transition, write if nothing else was written, else again.
//!
//! Changes of one stage that wait in this process go into one write ([`crate::ports::Drafts`]).

use std::sync::Arc;
use std::time::Duration;

use super::Hold;
use super::stop::Stop;
use crate::ports::{Came, Entered, Etag, Fault, Outcome, Ports, Stored, Turn, Written};
use crate::release::attempt::{Attempt, Draft, SeemedLost};
use crate::release::{Refusal, Stage, StageName};

/// How often a change is tried. With the pauses below this is about a minute, in which S3 takes hundreds of writes to
/// one object; whoever loses that often is told so rather than left waiting.
const ATTEMPTS: u32 = 120;

/// The pauses of this process after races that it lost to others. The first is about as long as one write takes on S3;
/// each is twice as long as the one before. None is longer than the second of these: whoever comes new to a race pauses
/// shortly, and whoever has lost long must not have to stand against them with one try for each thirty of theirs.
const PAUSES: (Duration, Duration) = (Duration::from_millis(60), Duration::from_millis(500));

/// How long a draft stays open for those who wait to add their changes, which takes each of them microseconds. One who
/// is not done by then, because its task does not run, goes into the next one.
const ADDING_PATIENCE: Duration = Duration::from_millis(50);

/// How long a worker that is stopping lets a change compete with those of others. Then the job is handed over and the
/// change is made by whoever goes on: each may be made twice.
const PATIENCE_WHEN_STOPPING: Duration = Duration::from_secs(2);

/// How long the stage that a change was decided on is also what it is tried on: about as long as looking at a stack takes.
/// After that somebody else may well have written, and a write in vain costs more than a read.
const GROUND_LASTS: Duration = Duration::from_millis(500);

/// Letters and digits of the id by which a write is recognised: 80 bits, never the same twice.
const WRITE_ID_LENGTH: usize = 16;

/// The stage as it was read: for a change that is decided on it, and can then be tried without reading it once more.
pub(crate) struct Ground {
    stage: Stage,
    etag: Option<Etag>,
    /// Before it was read.
    came: Came,
    /// When it was read, on this machine's steady clock.
    read_at: Duration,
}

impl Ground {
    /// The stage; one without a document is empty.
    pub(crate) fn stage(&self) -> &Stage {
        &self.stage
    }
}

/// Reads the stage.
pub(crate) async fn ground(ports: &Ports, name: &StageName) -> Result<Ground, Fault> {
    let (came, read_at) = (ports.drafts.desk(name).came(), ports.clock.elapsed());
    let (stage, etag) = match ports.stages.read(name).await? {
        Some(Stored { stage, etag }) => (stage, Some(etag)),
        None => (Stage::empty(name.clone()), None),
    };
    Ok(Ground { stage, etag, came, read_at })
}

/// Applies `transition` to the stage and stores the result. Tells the stage as it then is, and what the transition
/// answered.
///
/// The transition may be applied several times, to newer states of the stage, so it may not do anything but change
/// its argument. One that changes nothing is not written. It may be stored together with others; a refusal is its own
/// and keeps none of them from being stored.
pub(crate) async fn update<T: Clone>(
    ports: &Ports,
    name: &StageName,
    transition: impl Fn(&mut Stage) -> Result<T, Refusal>,
) -> Result<(Stage, T), Stop> {
    update_on((ports, name), None, transition).await
}

/// The same; the first try is made on `ground`, if there is one.
async fn update_on<T: Clone>(
    (ports, name): (&Ports, &StageName),
    mut ground: Option<Ground>,
    transition: impl Fn(&mut Stage) -> Result<T, Refusal>,
) -> Result<(Stage, T), Stop> {
    let desk = ports.drafts.desk(name);
    let came = desk.came();
    let mut seemed_lost = Vec::new();
    for _ in 0..ATTEMPTS {
        let add = |draft: &mut Draft| (draft.write_id().to_owned(), draft.add(&seemed_lost, &transition));
        let ((write_id, answer), outcome) = match desk.enter(came, add).await? {
            Entered::Added(own, added) => (own, added.outcome().await),
            Entered::First(turn) => lead((ports, name), turn, ground.take(), add).await?,
        };
        match outcome {
            Outcome::Stored(stage) | Outcome::Settled(stage) => return Ok((Arc::unwrap_or_clone(stage), answer?)),
            Outcome::Broken(fault) => return Err(fault.into()),
            Outcome::Lost => seemed_lost.extend(answer.ok().map(|answer| SeemedLost { write_id, answer })),
        }
    }
    Err(Stop::Contended(name.clone()))
}

/// Reads the stage, adds one's own change and those of others, and writes. A pause after a lost race is part of the turn:
/// this process does not compete meanwhile.
async fn lead<A>(
    (ports, name): (&Ports, &StageName),
    mut turn: Turn<'_>,
    brought: Option<Ground>,
    add: impl FnOnce(&mut Draft) -> A,
) -> Result<(A, Outcome), Fault> {
    let is_fresh = |ground: &Ground| ports.clock.elapsed().saturating_sub(ground.read_at) <= GROUND_LASTS;
    let brought = brought.filter(|ground| is_fresh(ground) && turn.has_not_written_since(ground.came));
    let was_brought = brought.is_some();
    let Ground { stage, etag, .. } = match brought {
        Some(ground) => ground,
        None => {
            turn.reads();
            ground(ports, name).await.inspect_err(|fault| turn.is_broken(fault))?
        }
    };
    let mut draft = Draft::on(stage, ports.dice.id(WRITE_ID_LENGTH));
    let own = add(&mut draft);
    let (draft, others) = turn.share((draft, !was_brought), ports.clock.sleep(ADDING_PATIENCE)).await;
    turn.writes();
    let outcome = store(ports, draft, etag.as_ref()).await;
    others.hear(&outcome);
    match &outcome {
        Outcome::Stored(_) | Outcome::Settled(_) => turn.is_won(),
        Outcome::Lost => ports.clock.sleep(ports.dice.jittered(turn.pause(PAUSES))).await,
        Outcome::Broken(fault) => turn.is_broken(fault),
    }
    Ok((own, outcome))
}

async fn store(ports: &Ports, draft: Draft, after: Option<&Etag>) -> Outcome {
    let stage = match draft.finish() {
        Attempt::Settled(stage, ()) => return Outcome::Settled(Arc::new(stage)),
        Attempt::Write(stage, ()) => stage,
    };
    match ports.stages.write(&stage, after).await {
        Ok(Written::Yes) => Outcome::Stored(Arc::new(stage)),
        Ok(Written::Conflict) => Outcome::Lost,
        Err(fault) => Outcome::Broken(fault),
    }
}

/// The same for a job that is held, and so is to be handed over when its worker stops.
pub(super) async fn update_within<T: Clone>(
    hold: &Hold,
    of: (&Ports, &StageName),
    transition: impl Fn(&mut Stage) -> Result<T, Refusal>,
) -> Result<(Stage, T), Stop> {
    update_on_within(hold, of, None, transition).await
}

/// The same; the first try is made on `ground`, if there is one.
pub(super) async fn update_on_within<T: Clone>(
    hold: &Hold,
    (ports, name): (&Ports, &StageName),
    ground: Option<Ground>,
    transition: impl Fn(&mut Stage) -> Result<T, Refusal>,
) -> Result<(Stage, T), Stop> {
    tokio::select! {
        biased;
        updated = update_on((ports, name), ground, transition) => updated,
        () = hold.is_over_for(PATIENCE_WHEN_STOPPING) => Err(Stop::Contended(name.clone())),
    }
}

/// The stage as it is; a stage without a document is empty.
pub(crate) async fn read(ports: &Ports, name: &StageName) -> Result<Stage, Stop> {
    Ok(ground(ports, name).await?.stage)
}
