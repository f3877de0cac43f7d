//! The command line.

mod local;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// An AWS CodePipeline custom-action worker for blue/green deployments to a shared stage.
#[derive(Parser)]
#[command(version)]
struct Flags {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a CodePipeline on this machine.
    Local(local::LocalFlags),
}

/// Runs the program until it ends.
pub async fn run() -> ExitCode {
    let flags = Flags::parse();
    // Standard output belongs to what a command answers.
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    let ended = match flags.command {
        Command::Local(flags) => local::run(flags).await,
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}
