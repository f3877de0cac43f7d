//! What this process is about to write to the stages: changes of the same stage that wait at the same time go into one
//! write.
//!
//! Whoever comes first has the [`Turn`]: it reads the document and opens a draft on it. Those who wait add their changes
//! to that draft, each by itself, then one conditional write stores all of them or none. Who comes while that write is
//! under way waits for the next turn. So a stage is written by a process at most once at a time, and nobody waits longer
//! than for the write that is under way and for one more, unless another process comes first.
//!
//! A draft may be on a document that was read before somebody came to add a change to it. Where the draft is then written,
//! nobody else had written since; where nothing in it is to be written, whoever came after the read asks again, for what
//! it was told may be older than its question.
//!
//! A change that was decided on a document may bring that document along, so that it need not be read once more. Unless this
//! process has written since: then it is known to be old.
//!
//! Nothing here outlives a write, and each may end in the middle: whoever leads and is dropped takes the draft with it, and
//! those who had added to it find out, from the document, whether it was stored.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use super::fault::Fault;
use crate::release::attempt::Draft;
use crate::release::{Stage, StageName};

/// The drafts of this process, by stage.
#[derive(Debug, Default)]
pub struct Drafts(Mutex<BTreeMap<StageName, Arc<Desk>>>);

impl Drafts {
    /// Where those meet who change this stage.
    pub(crate) fn desk(&self, stage: &StageName) -> Arc<Desk> {
        Arc::clone(lock(&self.0).entry(stage.clone()).or_default())
    }
}

/// Where those meet who change the same stage.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    /// Who holds it reads and writes. In it is the pause after the race that was lost last, nothing after one that was won.
    turn: tokio::sync::Mutex<Duration>,
    state: Mutex<State>,
    /// A draft was opened, or the outside is broken.
    opened: Notify,
    /// Fewer wait.
    fewer: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// How many wait, and will add their changes to the next draft.
    waiting: usize,
    open: Option<Open>,
    /// How often the document was read, the read that is under way included.
    reads: u64,
    /// How often this process has written it, or tried to.
    writes: u64,
    /// How often the outside was broken for who had the turn, and how it was last: who waits would find the same.
    faults: u64,
    fault: Option<Fault>,
}

impl State {
    /// The last fault, if one was met since there had been so many.
    fn fault_since(&self, faults: u64) -> Option<Fault> {
        self.fault.clone().filter(|_| self.faults > faults)
    }
}

#[derive(Debug)]
struct Open {
    draft: Draft,
    /// Whether the document was read for this draft, and not before.
    was_read_for_it: bool,
    outcome: watch::Receiver<Option<Outcome>>,
}

/// What became of a draft.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// The stage is like this, with every change in it.
    Stored(Arc<Stage>),
    /// Nothing was to be written: the stage was like this when it was read.
    Settled(Arc<Stage>),
    /// Somebody else wrote first, or so it seems: it is to be tried again.
    Lost,
    /// The outside broke; whether it was stored is not known.
    Broken(Fault),
}

/// How somebody who wants to change the stage takes part.
pub(crate) enum Entered<'a, A> {
    /// By reading and writing.
    First(Turn<'a>),
    /// With a change in a draft that somebody else writes.
    Added(A, Added),
}

/// A draft to which a change was added.
pub(crate) struct Added {
    outcome: watch::Receiver<Option<Outcome>>,
    /// Whether the document was read after it had been asked for.
    is_newer: bool,
}

/// When somebody came who wants to change the stage.
#[derive(Clone, Copy)]
pub(crate) struct Came {
    after_reads: u64,
    after_writes: u64,
}

/// The right to read and write the stage, for this process.
pub(crate) struct Turn<'a> {
    desk: &'a Desk,
    pause: tokio::sync::MutexGuard<'a, Duration>,
}

/// The others who have added changes to a draft, and are to be told what became of it.
pub(crate) struct Others(watch::Sender<Option<Outcome>>);

impl Desk {
    /// Now.
    pub(crate) fn came(&self) -> Came {
        let state = lock(&self.state);
        Came { after_reads: state.reads, after_writes: state.writes }
    }

    /// Waits for the turn, or for a draft to add a change to.
    pub(crate) async fn enter<A>(
        &self,
        came: Came,
        mut add: impl FnMut(&mut Draft) -> A,
    ) -> Result<Entered<'_, A>, Fault> {
        let faults_before = lock(&self.state).faults;
        let _waiting = Waiting::at(self);
        let mut turn = pin!(self.turn.lock());
        loop {
            let opened = self.opened.notified();
            {
                let mut state = lock(&self.state);
                if let Some(fault) = state.fault_since(faults_before) {
                    return Err(fault);
                }
                let was_read_since = state.reads > came.after_reads;
                if let Some(open) = &mut state.open {
                    let is_newer = was_read_since && open.was_read_for_it;
                    let added = Added { outcome: open.outcome.clone(), is_newer };
                    return Ok(Entered::Added(add(&mut open.draft), added));
                }
            }
            tokio::select! {
                biased;
                pause = &mut turn => {
                    let fault = lock(&self.state).fault_since(faults_before);
                    return fault.map_or(Ok(Entered::First(Turn { desk: self, pause })), Err);
                }
                () = opened => {}
            }
        }
    }
}

impl Added {
    /// What became of it. When whoever wrote it is gone, it seems lost; so does what was settled by too old a document.
    pub(crate) async fn outcome(mut self) -> Outcome {
        let told = self.outcome.wait_for(Option::is_some).await;
        let told = told.ok().and_then(|outcome| outcome.clone()).unwrap_or(Outcome::Lost);
        match told {
            Outcome::Settled(_) if !self.is_newer => Outcome::Lost,
            Outcome::Settled(_) | Outcome::Stored(_) | Outcome::Lost | Outcome::Broken(_) => told,
        }
    }
}

impl Turn<'_> {
    /// The document is about to be read.
    pub(crate) fn reads(&self) {
        lock(&self.desk.state).reads += 1;
    }

    /// Whether this process has written nothing since then.
    pub(crate) fn has_not_written_since(&self, came: Came) -> bool {
        lock(&self.desk.state).writes == came.after_writes
    }

    /// Lets those who wait add their changes to the draft: until all have, but no longer than `patience`.
    pub(crate) async fn share(
        &self,
        (draft, was_read_for_it): (Draft, bool),
        patience: impl Future<Output = ()>,
    ) -> (Draft, Others) {
        let (others, outcome) = watch::channel(None);
        let opened = Opened(self.desk);
        lock(&self.desk.state).open = Some(Open { draft, was_read_for_it, outcome });
        self.desk.opened.notify_waiters();
        let all_have_added = async {
            while lock(&self.desk.state).waiting > 0 {
                self.desk.fewer.notified().await;
            }
        };
        tokio::select! {
            biased;
            () = all_have_added => {}
            () = patience => {}
        }
        (opened.close(), Others(others))
    }

    /// The document is about to be written.
    pub(crate) fn writes(&self) {
        lock(&self.desk.state).writes += 1;
    }

    /// Tells those who wait that the outside is broken.
    pub(crate) fn is_broken(&self, fault: &Fault) {
        let mut state = lock(&self.desk.state);
        state.faults += 1;
        state.fault = Some(fault.clone());
        self.desk.opened.notify_waiters();
    }

    /// The race was won.
    pub(crate) fn is_won(&mut self) {
        *self.pause = Duration::ZERO;
    }

    /// How long to wait after a race that was lost: each time twice as long, within these bounds.
    pub(crate) fn pause(&mut self, (first, longest): (Duration, Duration)) -> Duration {
        *self.pause = (*self.pause * 2).clamp(first, longest);
        *self.pause
    }
}

impl Others {
    /// Tells them. Where there are none, nothing is kept that would have to be cloned for whoever wrote.
    pub(crate) fn hear(&self, outcome: &Outcome) {
        if self.0.receiver_count() > 0 {
            self.0.send_replace(Some(outcome.clone()));
        }
    }
}

/// Is counted among those who wait, as long as it lives.
struct Waiting<'a>(&'a Desk);

impl<'a> Waiting<'a> {
    fn at(desk: &'a Desk) -> Self {
        lock(&desk.state).waiting += 1;
        Self(desk)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        lock(&self.0.state).waiting -= 1;
        self.0.fewer.notify_one();
    }
}

/// A draft to which changes may be added, as long as it lives.
struct Opened<'a>(&'a Desk);

impl Opened<'_> {
    fn close(self) -> Draft {
        let open = lock(&self.0.state).open.take();
        open.expect("nobody else closes it: there is one turn at a time").draft
    }
}

impl Drop for Opened<'_> {
    fn drop(&mut self) {
        lock(&self.0.state).open = None;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A transition that panics while it is added leaves the draft as it was.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use futures::join;

    use super::*;

    #[tokio::test]
    async fn a_document_that_was_not_read_for_the_draft_settles_nobody_elses_change() {
        for was_read_for_it in [true, false] {
            let (desk, stage) = (Desk::default(), Stage::empty("test".parse().expect("a name")));
            let came = desk.came();
            let first = desk.enter(came, |_| ()).await;
            let Ok(Entered::First(turn)) = first else { panic!("nobody else is there") };
            turn.reads();
            let leads = async {
                let draft = Draft::on(stage.clone(), "w1".to_owned());
                let (_, others) = turn.share((draft, was_read_for_it), pending()).await;
                others.hear(&Outcome::Settled(Arc::new(stage.clone())));
            };
            let adds = async {
                let Ok(Entered::Added((), added)) = desk.enter(came, |_| ()).await else { panic!("the turn is taken") };
                added.outcome().await
            };
            let (outcome, ()) = join!(adds, leads);
            assert_eq!(matches!(outcome, Outcome::Settled(_)), was_read_for_it, "{outcome:?}");
        }
    }
}
