//! The command line: flags and `BLUESTAGE_*` variables become settings here and nowhere else.
//!
//! Each verb has a file. Standard output belongs to what a verb answers; log lines and errors go to standard error.

mod action_types;
mod explain;
mod local;
mod ports;
mod rebind;
mod seconds;
mod status;
mod sweep;
mod switch_back;
mod telemetry;
mod worker;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// An AWS CodePipeline worker that gives every pipeline execution its own parallel stack version in a shared test stage
#[derive(Parser)]
#[command(version, max_term_width = 100)]
struct Flags {
    #[command(flatten)]
    telemetry: telemetry::LogFlags,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Take jobs from CodePipeline and serve them until told to stop
    Worker(worker::WorkerFlags),
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
}

/// What ends a verb early; printed with its causes.
type Trouble = Box<dyn std::error::Error + Send + Sync>;

/// How the program ends. The numbers are an interface: scripts and service managers match on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    /// All went well.
    Fine = 0,
    /// It could not do what it was asked to; standard error says why. (2 is clap's, for flags that it cannot read.)
    Trouble = 1,
    /// The worker was stopped while it still held jobs: another worker has to find them.
    JobsHeld = 3,
}

/// Runs the program until it ends.
pub async fn run() -> ExitCode {
    let flags = Flags::parse();
    telemetry::start(&flags.telemetry);
    let ended = match flags.verb {
        Verb::Worker(flags) => worker::run(flags).await,
        Verb::Local(flags) => local::run(flags).await.map(|()| Exit::Fine),
        Verb::Actions(verb) => action_types::run(verb).await.map(|()| Exit::Fine),
        Verb::Status(flags) => status::run(flags).await.map(|()| Exit::Fine),
        Verb::Explain(flags) => explain::run(flags).await.map(|()| Exit::Fine),
        Verb::SwitchBack(flags) => switch_back::run(flags).await.map(|()| Exit::Fine),
        Verb::Rebind(flags) => rebind::run(flags).await.map(|()| Exit::Fine),
        Verb::Sweep(flags) => sweep::run(flags).await.map(|()| Exit::Fine),
    };
    let exit = ended.unwrap_or_else(|trouble| {
        tracing::error!("{}", chain(&*trouble));
        Exit::Trouble
    });
    ExitCode::from(exit as u8)
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
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn every_flag_is_well_formed() {
        Flags::command().debug_assert();
    }
}
