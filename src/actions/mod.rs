//! The stories: what each action does, told from the top for every job.
//!
//! CodePipeline hands out one job after another for the same action execution. Each story looks at what is, does the
//! next needful thing, and answers *continue*, *done* or *failed*. It remembers nothing but its continuation token;
//! any worker can play the next turn. Read `deploy_blue`, `run_isolated_tests`, `promote`, then `sweep`.
//! `messages.rs` holds every sentence that a person reads.

mod built_tests;
mod deploy_blue;
mod events;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod hand_over;
mod hold;
mod honesty;
mod messages;
mod orphans;
mod promote;
mod properties;
mod rebind;
mod removal;
mod resolve;
mod retire;
mod run_isolated_tests;
mod stop;
mod sweep;
mod switch_back;
mod tags;
mod template;
mod test_role;
mod tests_environment;
mod token;
mod unwanted_runs;
mod update;
mod updating;
mod values;
mod workspace;

#[cfg(test)]
mod tests;

use std::time::{Duration, SystemTime};

pub use hold::Hold;
pub use properties::subject;
pub use rebind::{Rebound, rebind};
pub use sweep::{Sweeper, Swept};
pub use switch_back::{SwitchBackRequest, SwitchedBack, follow_with_events, switch_back};
pub use unwanted_runs::end_unwanted_runs;

use crate::ports::{ActionKind, Cause, Continuation, Failure, Job, Ports, Text, Token, Verdict};
use crate::release::{Moment, Refusal, Stage, StageName, VersionRef};
use stop::Stop;
use token::Carried;
use update::Ground;

/// The pause before an action that ran into a passing fault is answered, so that it does not ask in a tight loop.
const PAUSE_AFTER_A_FAULT: Duration = Duration::from_secs(5);

/// What the actions of a worker may use at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// The most versions, each with a stack of its own, that a stage may hold; none for no limit.
    pub most_versions: Option<usize>,
}

/// One in so many of the stacks that an account may have is left to everything else in it: other stages, pipelines,
/// stacks inside of stacks, and stacks that are still being deleted.
const LEFT_TO_OTHERS: usize = 4;

impl Limits {
    /// What an account that may have so many stacks has room for.
    #[must_use]
    pub fn of_account(stacks: usize) -> Self {
        Self { most_versions: Some(stacks - stacks / LEFT_TO_OTHERS) }
    }
}

/// Plays one turn of the job's action and answers it.
pub async fn act(ports: &Ports, limits: Limits, job: &Job, hold: &Hold) -> Verdict {
    let mut turn = match Turn::begin(ports, limits, job, hold) {
        Ok(turn) => turn,
        Err(Stop::NewerToken { deadline }) if seconds(ports.clock.now()) < deadline => {
            hold.pause(PAUSE_AFTER_A_FAULT).await;
            return left_to_a_newer_worker(job);
        }
        Err(stop) => return Verdict::Failed(messages::failure(job, &stop, &Standing::of(job))),
    };
    let played = match job.action {
        ActionKind::DeployBlue => deploy_blue::play(&mut turn).await,
        ActionKind::RunIsolatedTests => run_isolated_tests::play(&mut turn).await,
        ActionKind::Promote => promote::play(&mut turn).await,
    };
    let stop = match played {
        Ok(Verdict::Continue(continuation)) if turn.is_late() => {
            Stop::DeadlinePassed { waiting_for: continuation.summary.to_string() }
        }
        Ok(verdict) => return verdict,
        Err(stop) if stop.is_passing() && !turn.is_late() => {
            hold.pause(PAUSE_AFTER_A_FAULT).await;
            match turn.go_on(&job.pipeline.action, messages::trying_again(&stop)) {
                Ok(verdict) => return verdict,
                Err(stop) => stop,
            }
        }
        Err(stop) => stop,
    };
    match job.action {
        ActionKind::DeployBlue => deploy_blue::give_up(&mut turn, &stop).await,
        ActionKind::RunIsolatedTests => run_isolated_tests::give_up(&mut turn).await,
        ActionKind::Promote => promote::give_up(&mut turn).await,
    }
    Verdict::Failed(messages::failure(job, &stop, &turn.standing))
}

/// The verdict that hands a job on as it came.
fn left_to_a_newer_worker(job: &Job) -> Verdict {
    match job.token.clone().and_then(Token::new) {
        Some(token) => Verdict::Continue(Continuation {
            token,
            external_id: Text::cut(&job.pipeline.action),
            summary: Text::cut(messages::waits_for_a_newer_worker()),
        }),
        None => Verdict::Failed(messages::failure(job, &Stop::UnreadableToken, &Standing::of(job))),
    }
}

/// The verdict on a job whose story panicked.
#[must_use]
pub fn panicked(job: &Job, what: &str) -> Verdict {
    Verdict::Failed(Failure::new(Cause::Bug, messages::panicked(job, what)))
}

/// One turn of an action: one job of its execution.
struct Turn<'a> {
    ports: &'a Ports,
    limits: Limits,
    job: &'a Job,
    hold: &'a Hold,
    carried: Carried,
    standing: Standing,
}

/// What an action that failed has left, for the last sentence of its message.
enum Standing {
    /// It made nothing.
    Untouched,
    /// It may have made something, and could not find out; the sweep sees to it.
    Unknown,
    /// The stack that it made is gone.
    Removed(String),
    /// The stack that it made is being deleted; the sweep sees it through.
    BeingRemoved(String),
}

impl Standing {
    /// How things stand before anything was looked at: an earlier job of the action execution may have made something.
    fn of(job: &Job) -> Self {
        match job.token {
            None => Self::Untouched,
            Some(_) => Self::Unknown,
        }
    }
}

impl<'a> Turn<'a> {
    fn begin(ports: &'a Ports, limits: Limits, job: &'a Job, hold: &'a Hold) -> Result<Self, Stop> {
        let deadline = seconds(ports.clock.now()) + properties::time_limit(job)?.as_secs();
        Ok(Self {
            ports,
            limits,
            job,
            hold,
            carried: Carried::of(job, deadline, &ports.seal)?,
            standing: Standing::of(job),
        })
    }

    /// Names the version on every further log line of this job.
    fn is_about(&self, of: &VersionRef) {
        tracing::Span::current().record("version", tracing::field::display(&of.version));
    }

    fn now(&self) -> Moment {
        seconds(self.ports.clock.now())
    }

    fn is_late(&self) -> bool {
        self.now() >= self.carried.deadline
    }

    /// What is left until the action's deadline.
    fn time_left(&self) -> Duration {
        Duration::from_secs(self.carried.deadline.saturating_sub(self.now()))
    }

    /// The answer that the action goes on.
    fn go_on(&self, external_id: &str, summary: String) -> Result<Verdict, Stop> {
        Ok(Verdict::Continue(Continuation {
            token: self.carried.token(&self.ports.seal)?,
            external_id: Text::cut(external_id),
            summary: Text::cut(summary),
        }))
    }

    async fn read(&self, stage: &StageName) -> Result<Stage, Stop> {
        update::read(self.ports, stage).await
    }

    /// Reads the stage for a change that is decided on it.
    async fn ground(&self, stage: &StageName) -> Result<Ground, Stop> {
        Ok(update::ground(self.ports, stage).await?)
    }

    async fn update<T: Clone>(
        &self,
        stage: &StageName,
        transition: impl Fn(&mut Stage) -> Result<T, Refusal>,
    ) -> Result<(Stage, T), Stop> {
        update::update_within(self.hold, (self.ports, stage), transition).await
    }

    /// The same; the first try is made on `ground`, if there is one.
    async fn update_on<T: Clone>(
        &self,
        (stage, ground): (&StageName, Option<Ground>),
        transition: impl Fn(&mut Stage) -> Result<T, Refusal>,
    ) -> Result<(Stage, T), Stop> {
        update::update_on_within(self.hold, (self.ports, stage), ground, transition).await
    }
}

/// `time` as the stage document records it.
fn seconds(time: SystemTime) -> Moment {
    // A clock before 1970 is a machine that has not set its clock; the document then says 0.
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
