//! A CodePipeline on your own machine: wire-compatible, in memory, with real pipelines and real artifacts in S3.
//!
//! No emulator of AWS offers the custom-action job API faithfully (poll, acknowledge with a nonce, report, continue
//! by token). This module does, so that a custom-action worker can be tried and tested with the official SDKs over
//! TCP. It knows S3 sources and custom actions; everything else of CodePipeline it refuses by name.
//!
//! Read in this order: [`Settings`] (what can be chosen), `definition/` (what is declared), `engine/` (what
//! happens), `wire/` (how it is asked), `template/` (CloudFormation templates as a way to declare), [`Objects`] (the
//! only thing it needs of the outside).
//!
//! CodePipeline calls the phases of a pipeline "stages". Here they are always *pipeline stages*.

mod definition;
mod engine;
mod error;
mod objects;
mod settings;
mod shape;
mod template;
mod wire;

use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::TcpListener;
use tokio::sync::Notify;

pub use objects::{Object, ObjectKey, Objects, ObjectsError, Revision};
pub use settings::{AcknowledgeAgain, JobCredentials, Settings};
pub use template::{LoadError, Loaded};

use crate::clock::Clock;
use crate::dice::Dice;
use engine::{State, Turn};

/// A local CodePipeline: its state, and what it needs of the world.
pub struct Local {
    state: Mutex<State>,
    settings: Settings,
    objects: Arc<dyn Objects>,
    clock: Arc<dyn Clock>,
    dice: Dice,
    /// Rung when there are sources to copy.
    sources_wait: Notify,
}

impl Local {
    /// An empty one: no pipelines, and no action types but AWS's own.
    #[must_use]
    pub fn new(settings: Settings, objects: Arc<dyn Objects>, clock: Arc<dyn Clock>, dice: Dice) -> Self {
        Self { state: Mutex::new(State::new()), settings, objects, clock, dice, sources_wait: Notify::new() }
    }

    /// Declares the action types and pipelines of these files and directories; see `template/` for what they may
    /// hold. `parameters` fill or override the parameters of every template that declares them.
    pub fn load(&self, paths: &[std::path::PathBuf], parameters: &[(String, String)]) -> Result<Loaded, LoadError> {
        let found = template::read(paths, parameters, &self.settings)?;
        self.change(|state, turn| template::declare(state, found, turn))
    }

    /// The one way to change the state: the change happens at one moment, and everything that follows from it too.
    fn change<T>(&self, change: impl FnOnce(&mut State, &Turn<'_>) -> T) -> T {
        let turn =
            Turn { now: self.clock.now(), elapsed: self.clock.elapsed(), dice: &self.dice, settings: &self.settings };
        // Were a transition to panic, what it left is still the best there is: the server goes on.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = change(&mut state, &turn);
        engine::settle(&mut state, &turn);
        if !state.sources.is_empty() {
            self.sources_wait.notify_one();
        }
        answer
    }

    async fn changed(&self) {
        self.sources_wait.notified().await;
    }

    fn objects(&self) -> &dyn Objects {
        self.objects.as_ref()
    }

    fn clock(&self) -> &dyn Clock {
        self.clock.as_ref()
    }

    fn settings(&self) -> &Settings {
        &self.settings
    }
}

/// Serves on `listener` until `shutdown` ends. Requests that are being answered are answered.
pub async fn serve(
    listener: TcpListener,
    local: Arc<Local>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let serving = axum::serve(listener, wire::router(Arc::clone(&local))).with_graceful_shutdown(shutdown);
    tokio::select! {
        served = serving => served,
        () = engine::drive(&local) => Ok(()),
    }
}
