//! One attempt at changing a stage, as far as it can be decided without asking anybody.
//!
//! Who stores stages reads one, adds one transition or several to a [`Draft`], and writes what that comes to if nothing
//! else was written meanwhile. After writes that seem to have lost that race it reads again and tells what each
//! transition had answered in each of them.

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

/// What is to be stored in one write: a stage as it was read, and the transitions that were added to it. What each of
/// them answered holds when the whole is stored, or when nothing of it needs to be.
#[derive(Clone, Debug)]
pub struct Draft {
    before: Stage,
    /// With the transitions so far; none when nothing has changed.
    after: Option<Stage>,
    write_id: String,
}

/// What a transition answered in a write that seems to have lost the race.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeemedLost<T> {
    /// The id of that write.
    pub write_id: String,
    /// What would have been answered, had it been stored.
    pub answer: T,
}

impl Draft {
    /// On the stage as it was read, to be written under an id that no other write ever had.
    #[must_use]
    pub fn on(before: Stage, write_id: String) -> Self {
        Self { before, after: None, write_id }
    }

    /// The id under which it is to be written.
    #[must_use]
    pub fn write_id(&self) -> &str {
        &self.write_id
    }

    /// Applies one more transition, to the stage as those before it left it.
    ///
    /// Any of the earlier writes that seemed to lose the race may have been stored all the same, with only the answer
    /// lost, or after the next one was begun: then the stage bears its id, and applying the transition once more would be
    /// one time too often.
    ///
    /// # Errors
    /// When the transition is refused. It then leaves nothing in the draft.
    pub fn add<T: Clone>(
        &mut self,
        seemed_lost: &[SeemedLost<T>],
        transition: impl Fn(&mut Stage) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let before = &self.before;
        if let Some(lost) = seemed_lost.iter().find(|lost| before.written_by == lost.write_id) {
            return Ok(lost.answer.clone());
        }
        let mut after = self.after.as_ref().unwrap_or(before).clone();
        let answer = transition(&mut after)?;
        self.after = Some(after);
        Ok(answer)
    }

    /// What all of it comes to.
    #[must_use]
    pub fn finish(self) -> Attempt<()> {
        let Self { before, after, write_id } = self;
        let Some(mut after) = after else {
            return Attempt::Settled(before, ());
        };
        if after == before {
            return Attempt::Settled(after, ());
        }
        after.seq = before.seq + 1;
        after.written_by = write_id;
        Attempt::Write(after, ())
    }
}

/// Applies one `transition` alone to the stage as it was read.
///
/// `seemed_lost` is what an earlier write under the same `write_id` would have answered.
///
/// # Errors
/// When the transition is refused.
pub fn attempt<T: Clone>(
    before: Stage,
    write_id: &str,
    seemed_lost: Option<T>,
    transition: impl Fn(&mut Stage) -> Result<T, Refusal>,
) -> Result<Attempt<T>, Refusal> {
    let mut draft = Draft::on(before, write_id.to_owned());
    let seemed_lost = seemed_lost.map(|answer| SeemedLost { write_id: write_id.to_owned(), answer });
    let answer = draft.add(seemed_lost.as_slice(), transition)?;
    Ok(match draft.finish() {
        Attempt::Settled(stage, ()) => Attempt::Settled(stage, answer),
        Attempt::Write(stage, ()) => Attempt::Write(stage, answer),
    })
}
