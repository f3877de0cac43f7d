//! `bluestage doctor`: looks an account over, before and while workers run. It changes nothing.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use secrecy::{ExposeSecret, SecretString};

use super::place::Place;
use super::seconds::seconds;
use super::{Exit, Trouble, action_types};
use crate::aws::doctor::{Examination, Examined, examine};
use crate::aws::{self, Configuration};
use crate::clock::SystemClock;
use crate::doctor::{About, Report, report, text};
use crate::release::StageName;

/// Columns where there is no terminal to ask.
const WIDTH_WITHOUT_TERMINAL: u16 = 100;

/// Secrets of AWS are longer (a key has 40 characters). What is shorter was made up for something local, and may well be a word
/// of an ordinary sentence.
const SHORTEST_SECRET: usize = 16;

/// The flags of `bluestage doctor`.
#[derive(Args)]
pub(super) struct DoctorFlags {
    #[command(flatten)]
    place: Place,
    /// Also look at what a worker needs for the stacks of this stage
    #[arg(long, env = "BLUESTAGE_STAGE")]
    stage: Option<StageName>,
    /// The role (or user) of the workers, whose rights are looked at; without it, these credentials are the worker's own
    #[arg(long, env = "BLUESTAGE_WORKER_ROLE", value_name = "ARN")]
    worker_role: Option<String>,
    /// The names of pipelines, as PipelineNames of worker-role.yaml limits them
    #[arg(long, env = "BLUESTAGE_PIPELINE_NAMES", default_value = "*", value_name = "PATTERN")]
    pipeline_names: String,
    /// How many seconds a check may take
    #[arg(long, env = "BLUESTAGE_LIMIT_SECONDS", default_value = "10", value_parser = seconds, value_name = "SECONDS")]
    limit_seconds: Duration,
    /// How to print it
    #[arg(long, default_value = "table", value_enum)]
    output: Output,
}

#[derive(Clone, Copy, ValueEnum)]
enum Output {
    Table,
    Json,
}

/// Prints what is well, what is not, and what to do.
pub(super) async fn run(flags: DoctorFlags) -> Result<Exit, Trouble> {
    let sdk = aws::configuration().await;
    let report = examined(&flags, &sdk).await?;
    let mut out = std::io::stdout().lock();
    match flags.output {
        Output::Json => writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?,
        Output::Table => {
            let width = if out.is_terminal() { columns() } else { WIDTH_WITHOUT_TERMINAL };
            writeln!(out, "{}", text(&report, width))?;
        }
    }
    Ok(if report.healthy { Exit::Fine } else { Exit::FaultsFound })
}

async fn examined(flags: &DoctorFlags, sdk: &Configuration) -> Result<Report, Trouble> {
    let Place { state, stacks_role } = &flags.place;
    let region = sdk.region().map_or("us-east-1", |region| region.as_ref());
    let definitions = action_types::definitions(region, Some(state))?;
    let stage = flags.stage.as_ref().map(ToString::to_string);
    let examination = Examination {
        sdk,
        state,
        action_types: &definitions,
        worker_role: flags.worker_role.as_deref(),
        stage: stage.as_deref(),
        stacks_role: stacks_role.as_deref(),
        pipelines: &flags.pipeline_names,
        limit: flags.limit_seconds,
        clock: Arc::new(SystemClock::start()),
    };
    let Examined { facts, statements, secrets } = examine(&examination).await?;
    let secrets = secrets.iter().map(SecretString::expose_secret).filter(|secret| secret.len() >= SHORTEST_SECRET);
    let secrets: Vec<&str> = secrets.collect();
    let place = state.to_string();
    let about = About {
        state: &place,
        bucket: state.bucket(),
        stage: stage.as_deref(),
        stacks_role: stacks_role.as_deref(),
        statements: &statements,
    };
    Ok(report(&facts, &about).without(&secrets))
}

/// How wide the terminal is.
fn columns() -> u16 {
    comfy_table::Table::new().width().unwrap_or(WIDTH_WITHOUT_TERMINAL)
}
