//! A world of real parts on this machine, for people: `make demo` tells a story in it, `make local` keeps it open.
//!
//! The integration tests run in the same world (`tests/world/`). `story.rs` prints, `watch.rs` observes, `evidence.rs`
//! fetches what proves something, `demo.rs` and `proof.rs` are the story itself, `local.rs` the world to try things in by hand.

mod check;
mod demo;
mod evidence;
mod local;
mod proof;
mod skew;
mod story;
mod watch;

#[path = "../../tests/world/mod.rs"]
mod world;

use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use clap::{Parser, Subcommand};
use futures::FutureExt;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use story::Teller;
use world::{Options, root};

/// What ends the program early: a sentence.
type Trouble = Box<dyn std::error::Error + Send + Sync>;

/// The exit code of a program that a signal ended, as shells count: 128 and the number of SIGINT.
const INTERRUPTED: u8 = 130;

/// A world of real parts on this machine
#[derive(Parser)]
struct Flags {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Tell a story of three services, and check that it went as bluestage promises
    Demo,
    /// Start every part and keep it until Ctrl-C
    Local {
        /// Where the file with the environment variables goes
        #[arg(long, default_value = "target/local")]
        directory: PathBuf,
    },
}

fn main() -> ExitCode {
    let said = keep_panics_quiet();
    let verb = Flags::parse().verb;
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("The program could not start: {error}.");
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(AssertUnwindSafe(run(verb)).catch_unwind());
    let told = ended.unwrap_or_else(|_| Err(said.lock().map_or_else(|_| "?".into(), |said| said.as_str().into())));
    told.unwrap_or_else(|trouble| {
        eprintln!("\nIt could not go on: {trouble}");
        ExitCode::FAILURE
    })
}

async fn run(verb: Verb) -> Result<ExitCode, Trouble> {
    let stopped = stopped()?;
    match verb {
        Verb::Local { directory } => local::keep(&directory, stopped).await,
        Verb::Demo => tokio::select! {
            ended = demo::tell(Teller::start()) => ended,
            () = stopped.cancelled() => {
                eprintln!("\nInterrupted; everything that was started has ended.");
                Ok(ExitCode::from(INTERRUPTED))
            }
        },
    }
}

/// The parts of a world panic, as tests do, when one of them fails. Here the words are kept, to be told as a sentence.
fn keep_panics_quiet() -> Arc<Mutex<String>> {
    let said = Arc::new(Mutex::new(String::new()));
    let keep = Arc::clone(&said);
    std::panic::set_hook(Box::new(move |panic| {
        let words = panic.payload_as_str().unwrap_or("a part of the world failed without words");
        if let Ok(mut first) = keep.lock()
            && first.is_empty()
        {
            first.push_str(words);
        }
    }));
    said
}

/// Cancelled by the first Ctrl-C, SIGTERM or end of the terminal. The handlers are there when this returns, so nothing
/// is ever left running because a signal came early.
fn stopped() -> std::io::Result<CancellationToken> {
    let token = CancellationToken::new();
    for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
        let (mut came, stop) = (signal(kind)?, token.clone());
        tokio::spawn(async move {
            came.recv().await;
            stop.cancel();
        });
    }
    Ok(token)
}

/// The program, which cargo puts one directory above the examples.
fn bluestage() -> Result<PathBuf, Trouble> {
    let example = std::env::current_exe()?;
    let program = example.parent().and_then(|examples| examples.parent()).map(|directory| directory.join("bluestage"));
    match program.filter(|program| program.exists()) {
        Some(program) => Ok(program),
        None => Err("the bluestage program is not built; run this as: make demo, or: make local".into()),
    }
}

/// A world with the sample pipelines.
fn samples() -> Options {
    let templates = root().join("pipeline-templates");
    let pipelines = vec![templates.join("custom-actions.yaml"), templates.join("samples/pipelines")];
    Options { pipelines, ..Options::default() }
}
