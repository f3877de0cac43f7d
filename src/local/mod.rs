//! A CodePipeline on your own machine: wire-compatible, with real pipelines and real artifacts in S3.
//!
//! No emulator of AWS offers the custom-action job API faithfully (poll, acknowledge with a nonce, report, continue
//! by token). This module does, so that a custom-action worker can be tried and tested with the official SDKs over
//! TCP. Besides custom actions it runs sources, approvals, and those of AWS's actions that an emulated AWS can carry
//! out; everything else of CodePipeline it refuses by name.
//!
//! Read in this order: [`Settings`] (what can be chosen), `definition/` (what is declared), `engine/` (what
//! happens), `wire/` (how it is asked), `driver.rs` and `providers/` (what is done), `journal/` (what is kept),
//! `bus.rs` (what is told), `template/` (CloudFormation templates as a way to declare); [`Objects`] and [`Cloud`] are
//! all that it needs of the outside.
//!
//! CodePipeline calls the phases of a pipeline "stages". Here they are always *pipeline stages*.

mod bus;
mod cloud;
mod definition;
mod driver;
mod engine;
mod error;
mod journal;
mod objects;
mod providers;
mod reload;
mod settings;
mod shape;
mod template;
mod wire;

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::Notify;

pub use cloud::{
    BuildRequest, BuildState, ChangeSetState, Cloud, CloudError, NewChangeSet, NoCloud, StackRequest, StackState,
};
pub use objects::{Object, ObjectKey, Objects, ObjectsError, Revision};
pub use settings::{AcknowledgeAgain, JobCredentials, Settings};
pub use template::{LoadError, Loaded};
pub use wire::is_own_name;

use crate::clock::Clock;
use crate::dice::Dice;
use bus::Bus;
use engine::{State, Turn};
use journal::{Found, Journal, Moment};

/// How long STS may take to make credentials. It is on this machine.
const STS_PATIENCE: Duration = Duration::from_secs(5);

/// A local CodePipeline: its state, and what it needs of the world.
pub struct Local {
    kept: Mutex<Kept>,
    settings: Settings,
    outside: Outside,
    /// How long the clock had run when this process began: deadlines outlive it.
    before: Duration,
    /// Rung when there are errands.
    errands_wait: Notify,
    /// Rung when nothing can be kept any more.
    ends: Notify,
    bus: Bus,
    /// Whether the log says already that jobs get credentials without an end.
    told_of_sts: AtomicBool,
}

/// What is outside of the local CodePipeline.
pub struct Outside {
    /// The object store.
    pub objects: Arc<dyn Objects>,
    /// The rest of the emulated AWS.
    pub cloud: Arc<dyn Cloud>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub dice: Dice,
}

/// Why an operation of the API was not performed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The name of the modelled error, as `StageNotRetryableException`.
    pub kind: String,
    /// What is wrong, for a person.
    pub message: String,
}

/// The state and where it is kept.
struct Kept {
    state: State,
    journal: Journal,
    /// Why a change could not be kept, if that happened.
    lost: Option<String>,
    /// Where the server listens; webhooks' addresses begin with it.
    address: Option<SocketAddr>,
}

impl Local {
    /// An empty one, in memory: no pipelines, and no action types but those that are built in.
    #[must_use]
    pub fn new(settings: Settings, outside: Outside) -> Self {
        let journal = Journal::nowhere();
        Self::from_found(Found { journal, state: State::new(), last: None }, settings, outside)
    }

    /// One whose state is kept in a directory: it goes on where the last process ended, however that ended.
    pub fn open(directory: &Path, settings: Settings, outside: Outside) -> io::Result<Self> {
        let local = Self::from_found(Journal::open(directory)?, settings, outside);
        local.change(engine::resume);
        Ok(local)
    }

    fn from_found(found: Found, settings: Settings, outside: Outside) -> Self {
        let away = |last: Moment| outside.clock.now().duration_since(last.now).unwrap_or_default();
        let before = found.last.map(|last| last.elapsed + away(last)).unwrap_or_default();
        let kept = Kept { state: found.state, journal: found.journal, lost: None, address: None };
        Self {
            kept: Mutex::new(kept),
            before,
            errands_wait: Notify::new(),
            ends: Notify::new(),
            bus: Bus::new(outside.dice.id(8)),
            told_of_sts: AtomicBool::new(false),
            settings,
            outside,
        }
    }

    /// Declares the action types and pipelines of these files and directories; see `template/` for what they may
    /// hold. `parameters` fill or override the parameters of every template that declares them.
    pub fn load(&self, paths: &[std::path::PathBuf], parameters: &[(String, String)]) -> Result<Loaded, LoadError> {
        let found = template::read(paths, parameters, &self.settings)?;
        self.change(|state, turn| template::declare(state, found, turn))
    }

    /// Performs an operation of the API, as for a client that asks over the wire.
    ///
    /// # Errors
    ///
    /// When the operation is refused, and when nothing can be kept any more.
    pub fn ask(&self, operation: &str, input: serde_json::Value) -> Result<serde_json::Value, Refused> {
        let answer = wire::ask(self, operation, input);
        if let Some(why) = self.lost() {
            return Err(Refused { kind: "InternalFailure".to_owned(), message: why });
        }
        answer.map_err(|error| Refused { kind: error.kind.to_string(), message: error.message })
    }

    /// The one way to change the state: the change happens at one moment, with everything that follows from it; it is
    /// kept, and told.
    fn change<T>(&self, change: impl FnOnce(&mut State, &Turn<'_>) -> T) -> T {
        let mut kept = self.kept();
        // Taken under the lock, so that what is kept is in the order of time.
        let turn = Turn {
            now: self.clock().now(),
            elapsed: self.elapsed(),
            dice: &self.outside.dice,
            settings: &self.settings,
            address: kept.address,
            events: RefCell::default(),
        };
        let Kept { state, journal, lost, .. } = &mut *kept;
        let answer = change(state, &turn);
        engine::settle(state, &turn);
        if !state.errands.is_empty() {
            self.errands_wait.notify_one();
        }
        if let Err(error) = journal.keep(state, Moment { now: turn.now, elapsed: turn.elapsed }) {
            *lost = Some(error.to_string());
            self.ends.notify_one();
        }
        for event in turn.events.into_inner() {
            self.bus.tell(self.envelope(event, turn.now));
        }
        answer
    }

    /// Looks at the state.
    fn look<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.kept().state)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // Were a transition to panic, what it left is still the best there is: the server goes on.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The monotonic time, counted over restarts.
    fn elapsed(&self) -> Duration {
        self.before + self.outside.clock.elapsed()
    }

    fn objects(&self) -> &dyn Objects {
        self.outside.objects.as_ref()
    }

    fn cloud(&self) -> &dyn Cloud {
        self.outside.cloud.as_ref()
    }

    fn clock(&self) -> &dyn Clock {
        self.outside.clock.as_ref()
    }

    fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Credentials for a job: fresh ones that end, or the local world's own where there is no STS to make such.
    async fn job_credentials(&self) -> JobCredentials {
        let own = || self.settings.job_credentials.clone();
        let seconds = self.settings.credentials_lifetime.as_secs();
        if seconds == 0 {
            return own();
        }
        // A poll must not hang because the emulator does.
        let made = tokio::select! {
            made = self.cloud().credentials(seconds) => made,
            () = self.clock().sleep(STS_PATIENCE) => Err(CloudError::Other("STS does not answer".to_owned())),
        };
        match made {
            Ok(fresh) => fresh,
            Err(error) => {
                // One line is enough; every poll would make another.
                if !self.told_of_sts.swap(true, Ordering::Relaxed) {
                    tracing::warn!(%error, "STS makes no credentials for jobs; they get this world's own, which do not end");
                }
                own()
            }
        }
    }

    /// Ends when a change could not be kept: whoever was told of it would be deceived after the next start.
    async fn unkept(&self) -> io::Result<()> {
        self.ends.notified().await;
        let why = self.lost().unwrap_or_default();
        Err(io::Error::other(format!("a change could not be kept: {why}")))
    }

    /// Why a change could not be kept, if that happened. What was answered since then is not to be relied on.
    fn lost(&self) -> Option<String> {
        self.kept().lost.clone()
    }
}

/// Serves on `listener` until `shutdown` ends, with the routes of `beside` at the same port. Requests that are being
/// answered are answered.
pub async fn serve(
    listener: TcpListener,
    local: Arc<Local>,
    beside: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    local.kept().address = Some(listener.local_addr()?);
    let (gone, stopping) = tokio::sync::watch::channel(());
    // Streams never end by themselves, so they are told.
    let shutdown = async move {
        shutdown.await;
        drop(gone);
    };
    let router = wire::router(Arc::clone(&local), stopping).merge(beside);
    let router = router.into_make_service_with_connect_info::<SocketAddr>();
    let serving = axum::serve(listener, router).with_graceful_shutdown(shutdown);
    tokio::select! {
        served = serving => served,
        lost = local.unkept() => lost,
        () = driver::drive(&local) => Ok(()),
    }
}
