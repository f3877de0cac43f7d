//! The one way to change a stage: read, apply a pure transition, write if nothing else was written, else again.

use std::time::Duration;

use super::Hold;
use super::stop::Stop;
use crate::ports::{Ports, Stored, Written};
use crate::release::attempt::{Attempt, attempt};
use crate::release::{Refusal, Stage, StageName};

/// How often a change is tried. With the pauses below this is about a minute, in which S3 takes hundreds of writes to
/// one object; whoever loses that often is told so rather than left waiting.
const ATTEMPTS: u32 = 120;

/// The first pause after a lost race, about as long as one write takes on S3; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(60);

/// No pause is longer. Whoever comes new to a race pauses shortly; whoever has lost long must not have to stand against
/// them with one try for each thirty of theirs.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// How long a worker that is stopping lets a change compete with those of others. Then the job is handed over and the
/// change is made by whoever goes on: each may be made twice.
const PATIENCE_WHEN_STOPPING: Duration = Duration::from_secs(2);

/// Letters and digits of the id by which a write is recognised: 80 bits, never the same twice.
const WRITE_ID_LENGTH: usize = 16;

/// Applies `transition` to the stage and stores the result. Tells the stage as it then is, and what the transition
/// answered.
///
/// The transition may be applied several times, to newer states of the stage, so it may not do anything but change
/// its argument. One that changes nothing is not written.
pub(crate) async fn update<T>(
    ports: &Ports,
    name: &StageName,
    transition: impl Fn(&mut Stage) -> Result<T, Refusal>,
) -> Result<(Stage, T), Stop> {
    let write_id = ports.dice.id(WRITE_ID_LENGTH);
    let mut seemed_lost: Option<T> = None;
    let mut pause = FIRST_PAUSE;
    for _ in 0..ATTEMPTS {
        let stored = ports.stages.read(name).await?;
        let (before, etag) = match stored {
            Some(Stored { stage, etag }) => (stage, Some(etag)),
            None => (Stage::empty(name.clone()), None),
        };
        match attempt(before, &write_id, seemed_lost.take(), &transition)? {
            Attempt::Settled(stage, answer) => return Ok((stage, answer)),
            Attempt::Write(after, answer) => match ports.stages.write(&after, etag.as_ref()).await? {
                Written::Yes => return Ok((after, answer)),
                Written::Conflict => seemed_lost = Some(answer),
            },
        }
        ports.clock.sleep(ports.dice.jittered(pause)).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    Err(Stop::Contended(name.clone()))
}

/// The same for a job that is held, and so is to be handed over when its worker stops.
pub(super) async fn update_within<T>(
    hold: &Hold,
    (ports, name): (&Ports, &StageName),
    transition: impl Fn(&mut Stage) -> Result<T, Refusal>,
) -> Result<(Stage, T), Stop> {
    tokio::select! {
        biased;
        updated = update(ports, name, transition) => updated,
        () = hold.is_over_for(PATIENCE_WHEN_STOPPING) => Err(Stop::Contended(name.clone())),
    }
}

/// The stage as it is; a stage without a document is empty.
pub(crate) async fn read(ports: &Ports, name: &StageName) -> Result<Stage, Stop> {
    let stored = ports.stages.read(name).await?;
    Ok(stored.map_or_else(|| Stage::empty(name.clone()), |stored| stored.stage))
}
