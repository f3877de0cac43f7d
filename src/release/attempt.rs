//! One attempt at changing a stage, as far as it can be decided without asking anybody.
//!
//! Who stores stages reads one, lets [`attempt`] decide, and writes what it says if nothing else was written meanwhile.
//! After a write that seems to have lost that race it reads again and tells what the lost write had answered.

use super::refusal::Refusal;
use super::stage::Stage;

/// What an attempt comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt<T> {
    /// Nothing is to be written: the stage is as it should be, and this is the answer.
    Settled(Stage, T),
    /// This is to be stored in place of what was read; if it is, this is the answer.
    Write(Stage, T),
}

/// Applies `transition` to the stage as it was read.
///
/// `seemed_lost` is what an earlier write under the same `write_id` would have answered, had it not seemed to lose the
/// race. It may have been stored all the same, with only the answer lost: then the stage bears its id, and applying the
/// transition once more would be one time too often.
///
/// # Errors
/// When the transition is refused.
pub fn attempt<T>(
    before: Stage,
    write_id: &str,
    seemed_lost: Option<T>,
    transition: impl Fn(&mut Stage) -> Result<T, Refusal>,
) -> Result<Attempt<T>, Refusal> {
    if let Some(answer) = seemed_lost.filter(|_| before.written_by == write_id) {
        return Ok(Attempt::Settled(before, answer));
    }
    let mut after = before.clone();
    let answer = transition(&mut after)?;
    if after == before {
        return Ok(Attempt::Settled(after, answer));
    }
    after.seq = before.seq + 1;
    write_id.clone_into(&mut after.written_by);
    Ok(Attempt::Write(after, answer))
}
