//! The command line: flags, `BLUESTAGE_*` variables and the configuration file become settings here and nowhere else.
//!
//! Each verb has a file. Standard output belongs to what a verb answers; log lines and errors go to standard error.

mod action_types;
mod config;
mod doctor;
mod explain;
mod health;
mod local;
mod papers;
mod place;
mod ports;
mod rebind;
mod seconds;
mod status;
mod sweep;
mod switch_back;
mod telemetry;
mod test_flags;
mod worker;

use std::process::ExitCode;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use tokio::runtime::{Builder, Runtime};

use crate::runner;
use crate::telemetry::{Exporters, Exports};

/// An AWS CodePipeline worker that gives every pipeline execution its own parallel stack version in a shared test stage
#[derive(Parser)]
#[command(max_term_width = 100)]
struct Flags {
    #[command(flatten)]
    telemetry: telemetry::LogFlags,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    #[command(flatten)]
    Told(Box<Told>),
    /// Supervise one test command; the worker starts it, and tells it what to do through a pipe
    #[command(hide = true)]
    RunSupervisor,
    /// Become a test command; the supervisor starts it, and tells it which through a pipe
    #[command(hide = true)]
    RunCommand,
}

/// The verbs for people.
#[derive(Subcommand)]
enum Told {
    /// Take jobs from CodePipeline and serve them until told to stop
    Worker(worker::WorkerFlags),
    /// Look an account over before and while workers run: what is wrong, and what cures it. Changes nothing
    Doctor(doctor::DoctorFlags),
    /// Ask a worker how it is, such as for a container's health check
    Health(health::HealthFlags),
    /// Run a CodePipeline on this machine, to try pipelines and workers on
    Local(local::LocalFlags),
    /// The custom action types that pipelines use
    #[command(subcommand)]
    Actions(action_types::Verb),
    /// Show what is live in a stage, what is on its way, and who pins what
    Status(status::StatusFlags),
    /// Answer in sentences why a service, a version or a run stands as it does
    Explain(explain::ExplainFlags),
    /// Make a previous version live again, in one write
    SwitchBack(switch_back::SwitchBackFlags),
    /// Release services that are behind again, so that they are wired to what is live now
    Rebind(rebind::RebindFlags),
    /// Give up what is over and retire what nobody can reach, once; the worker does so by itself
    Sweep(sweep::SweepFlags),
    /// Print what a shell reads to complete verbs and flags
    Completions(papers::CompletionsFlags),
    /// Write the pages of the manual into a directory
    Manual(papers::ManualFlags),
}

/// The commit that this program was built from, where whoever built it said so; the image's build does.
const COMMIT: Option<&str> = option_env!("BLUESTAGE_COMMIT");

/// What ends a verb early; printed with its causes.
type Trouble = Box<dyn std::error::Error + Send + Sync>;

/// How the program ends. The numbers are an interface: scripts and service managers match on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    /// All went well.
    Fine = 0,
    /// It could not do what it was asked to; standard error says why. Or a worker was asked how it is, and is not well. (2
    /// is clap's, for flags, variables and configuration files that cannot be read.)
    Trouble = 1,
    /// The worker was stopped while it still held jobs: another worker has to find them.
    JobsHeld = 3,
    /// The doctor has looked at everything, and something is wrong.
    FaultsFound = 4,
}

/// Runs the program until it ends.
pub fn run() -> ExitCode {
    let matches = config::matches(program()).unwrap_or_else(|error| error.exit());
    let flags = Flags::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    match flags.verb {
        // These two change the process that they run in, so no other thread may run beside them.
        Verb::RunSupervisor => runner::supervise(),
        Verb::RunCommand => runner::become_command(),
        Verb::Told(verb) => ExitCode::from(serve(*verb, &flags.telemetry) as u8),
    }
}

fn serve(verb: Told, logs: &telemetry::LogFlags) -> Exit {
    // What asks once and ends runs on its only thread: it starts sooner than it could put more of them to use.
    let mut runtime = match &verb {
        Told::Worker(_) | Told::Local(_) => Builder::new_multi_thread(),
        _ => Builder::new_current_thread(),
    };
    let ended = match runtime.enable_all().build() {
        Ok(runtime) => {
            let exporters = start(&runtime, &verb, logs);
            exporters.and_then(|exporters| {
                let ended = runtime.block_on(play(verb));
                exporters.end();
                ended
            })
        }
        Err(error) => {
            telemetry::start(logs, None);
            Err(error.into())
        }
    };
    ended.unwrap_or_else(|trouble| {
        tracing::error!("{}", chain(&*trouble));
        Exit::Trouble
    })
}

/// Starts to log, to count and to export; only a worker has something to count. Whatever goes wrong, it logs from then on.
fn start(runtime: &Runtime, verb: &Told, logs: &telemetry::LogFlags) -> Result<Exporters, Trouble> {
    let exports = match verb {
        Told::Worker(flags) => flags.exports(),
        _ => Exports::default(),
    };
    let exports = Exports { build: (env!("CARGO_PKG_VERSION"), COMMIT.unwrap_or("unknown")), ..exports };
    let _inside = runtime.enter();
    let started = crate::telemetry::start(&exports);
    telemetry::start(logs, started.as_ref().ok().and_then(Exporters::tracer));
    started.map_err(|why| format!("could not export to --otlp-endpoint {:?}: {why}", exports.collector).into())
}

async fn play(verb: Told) -> Result<Exit, Trouble> {
    let ended = match verb {
        Told::Worker(flags) => return worker::run(flags).await,
        Told::Doctor(flags) => return doctor::run(flags).await,
        Told::Health(flags) => return health::run(flags).await,
        Told::Local(flags) => local::run(flags).await,
        Told::Actions(verb) => action_types::run(verb).await,
        Told::Status(flags) => status::run(flags).await,
        Told::Explain(flags) => explain::run(flags).await,
        Told::SwitchBack(flags) => switch_back::run(flags).await,
        Told::Rebind(flags) => rebind::run(flags).await,
        Told::Sweep(flags) => sweep::run(flags).await,
        Told::Completions(flags) => papers::complete(&flags, for_people()),
        Told::Manual(flags) => papers::manual(&flags, for_people()),
    };
    ended.map(|()| Exit::Fine)
}

/// The program's flags, with its version.
fn program() -> clap::Command {
    Flags::command().version(version()).arg(config::flag())
}

/// The same without the verbs that only the worker gives itself.
fn for_people() -> clap::Command {
    let about = program().get_about().cloned().unwrap_or_default();
    let program = clap::Command::new("bluestage").version(version()).about(about).arg(config::flag());
    Told::augment_subcommands(telemetry::LogFlags::augment_args(program))
}

/// Which program this is: its version, its commit, and how it was built.
fn version() -> String {
    let commit = COMMIT.map_or_else(|| "an unnamed commit".to_owned(), |commit| format!("commit {commit}"));
    let build = if cfg!(debug_assertions) { "debug" } else { "release" };
    format!(
        "{} ({commit}, {build} build for {}-{})",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::ARCH,
        std::env::consts::OS
    )
}

/// The error with its causes, each told once.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_is_well_formed() {
        program().debug_assert();
    }
}
