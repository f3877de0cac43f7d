//! Looks at many stacks at once: whether each is ready, and when it was last changed.
//!
//! Few stacks are asked for one by one; many are looked up in one listing of the account. A listing may miss a stack, or
//! show one as it was a moment ago, so whoever glances says what may be believed of it, and what may not is asked for by
//! itself: a listing alone never tells that a stack is not ready.
//!
//! This process makes one listing at a time. Whoever asks while one is under way shares the next with all others who wait:
//! one that had begun before the question would tell of a time before it.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::fault::Fault;
use super::stacks::{StackState, Stacks};
use super::waits::{Wait, Waits};
use crate::release::StackRef;

/// So many stacks are asked for one by one. A listing comes in pages of a hundred stacks, and where one reaches more than
/// these there are some hundred of them, live, previous and blue.
pub(super) const FEW_STACKS: usize = 5;

/// Every stack of an account that is ready: its id, and when it was last changed.
pub type ReadyStacks = BTreeMap<String, Option<String>>;

/// What a glance at a stack tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Glance {
    /// It is ready, and was last changed then, as CloudFormation tells it.
    Ready(Option<String>),
    /// It is not there, or not ready.
    NotReady,
}

/// Whether it is to be believed that a stack was last changed then, which was known to have been changed at the time that is
/// given first.
pub(crate) type Belief = fn(Option<&str>, Option<&str>) -> bool;

/// The glances of this process.
#[derive(Debug, Default)]
pub struct Glances {
    ready: Shared<ReadyStacks>,
    waits: Waits,
}

impl Glances {
    /// Somebody begins to wait for a stack.
    pub(crate) fn wait(&self) -> Wait<'_> {
        self.waits.begin()
    }

    /// How each of these stacks stands, in their order.
    pub(crate) async fn at(
        &self,
        stacks: &dyn Stacks,
        which: &[StackRef],
        believes: Belief,
    ) -> Result<Vec<Glance>, Fault> {
        let listed = match which.len() {
            0..=FEW_STACKS => Arc::default(),
            _ => self.ready.next(|| stacks.all_ready()).await?,
        };
        let mut glances = Vec::with_capacity(which.len());
        for stack in which {
            let shown = stack.id.as_ref().and_then(|id| listed.get(id));
            let shown = shown.filter(|at| believes(stack.changed_at.as_deref(), at.as_deref()));
            glances.push(match shown {
                Some(at) => Glance::Ready(at.clone()),
                None => Glance::of(stacks.read(stack).await?),
            });
        }
        Ok(glances)
    }
}

impl Glance {
    fn of(state: StackState) -> Self {
        match state {
            StackState::Ready(ready) => Self::Ready(ready.changed_at),
            StackState::Absent | StackState::InProgress { .. } | StackState::Failed { .. } => Self::NotReady,
        }
    }
}

/// Answers that are asked for one at a time, each for all who were waiting when its making began.
#[derive(Debug)]
struct Shared<T> {
    /// Who holds it asks.
    turn: tokio::sync::Mutex<()>,
    asked: Mutex<Asked<T>>,
}

#[derive(Debug)]
struct Asked<T> {
    /// How often it was asked for, what is under way included.
    times: u64,
    /// Which of those was answered last, and how. Who waits behind a fault would only meet it again.
    last: Option<(u64, Result<Arc<T>, Fault>)>,
}

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self { turn: tokio::sync::Mutex::default(), asked: Mutex::new(Asked { times: 0, last: None }) }
    }
}

impl<T> Shared<T> {
    /// An answer that was asked for no earlier than now.
    async fn next<F: Future<Output = Result<T, Fault>>>(&self, ask: impl FnOnce() -> F) -> Result<Arc<T>, Fault> {
        let before = lock(&self.asked).times;
        let _turn = self.turn.lock().await;
        let number = {
            let mut asked = lock(&self.asked);
            match &asked.last {
                Some((number, told)) if *number > before => return told.clone(),
                Some(_) | None => {}
            }
            asked.times += 1;
            asked.times
        };
        let told = ask().await.map(Arc::new);
        lock(&self.asked).last = Some((number, told.clone()));
        told
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing can panic in the middle of a change of what is in it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::pending;
    use std::rc::Rc;

    use futures::future::join_all;
    use futures::poll;
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn what_was_asked_for_before_a_question_does_not_answer_it() {
        let shared = Shared::default();
        let (answer, early) = oneshot::channel();
        let mut first = Box::pin(shared.next(|| async { Ok(early.await.expect("it is answered")) }));
        assert!(poll!(&mut first).is_pending(), "it is under way");
        let mut second = Box::pin(shared.next(|| async { Ok("as it is now") }));
        assert!(poll!(&mut second).is_pending(), "it waits for its turn");
        answer.send("as it was").unwrap();
        assert_eq!(*first.await.unwrap(), "as it was");
        assert_eq!(*second.await.unwrap(), "as it is now");
    }

    #[tokio::test]
    async fn all_who_wait_share_what_is_asked_for_next() {
        let (shared, asked) = (Shared::default(), Rc::new(Cell::new(0)));
        let ask = || {
            let asked = Rc::clone(&asked);
            shared.next(move || async move {
                asked.set(asked.get() + 1);
                tokio::task::yield_now().await;
                Ok(asked.get())
            })
        };
        let told = join_all((0..20).map(|_| ask())).await;
        let told: Vec<i32> = told.into_iter().map(|told| *told.unwrap()).collect();
        assert_eq!((told[0], &told[1..]), (1, &[2; 19][..]));
        assert_eq!(*ask().await.unwrap(), 3, "who comes later asks again");
    }

    #[tokio::test]
    async fn all_who_wait_share_a_fault() {
        let shared: Shared<()> = Shared::default();
        let broken = || Fault::Unavailable { doing: "list".to_owned(), detail: "Rate exceeded".to_owned() };
        let asked = Cell::new(0);
        let ask = || {
            shared.next(|| async {
                asked.set(asked.get() + 1);
                tokio::task::yield_now().await;
                Err(broken())
            })
        };
        let told = join_all((0..20).map(|_| ask())).await;
        assert!(told.iter().all(|told| matches!(told, Err(Fault::Unavailable { .. }))), "{told:?}");
        assert_eq!(asked.get(), 2);
    }

    #[tokio::test]
    async fn whoever_asks_for_others_and_is_dropped_leaves_it_to_them() {
        let shared = Shared::default();
        let mut first = Box::pin(shared.next(pending::<Result<i32, Fault>>));
        assert!(poll!(&mut first).is_pending());
        let mut second = Box::pin(shared.next(|| async { Ok(2) }));
        assert!(poll!(&mut second).is_pending());
        drop(first);
        assert_eq!(*second.await.unwrap(), 2);
    }
}
