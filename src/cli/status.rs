//! `bluestage status`: the stages as a table or as JSON.

use std::io::{IsTerminal, Write};
use std::time::SystemTime;

use clap::{Args, ValueEnum};

use super::Trouble;
use crate::aws::{self, Aws, StateLocation};
use crate::clock::{Clock, SystemClock};
use crate::release::StageName;
use crate::status::{StageReport, table};

/// Columns of the table where there is no terminal to ask: wide enough for three services' names side by side.
const WIDTH_WITHOUT_TERMINAL: u16 = 140;

#[derive(Args)]
pub(super) struct StatusFlags {
    /// Where the stage documents are kept
    #[arg(long, env = "BLUESTAGE_STATE", value_name = "s3://BUCKET/PREFIX")]
    state: StateLocation,
    /// The stage; without it, every stage
    #[arg(long, env = "BLUESTAGE_STAGE")]
    stage: Option<StageName>,
    /// How to print it
    #[arg(long, default_value = "table", value_enum)]
    output: Output,
}

#[derive(Clone, Copy, ValueEnum)]
enum Output {
    Table,
    Json,
}

/// Prints the stage, or every stage.
pub(super) async fn run(flags: StatusFlags) -> Result<(), Trouble> {
    let aws = Aws::new(&aws::configuration().await, flags.state.clone());
    let names = match flags.stage {
        Some(name) => vec![name],
        None => aws.stages.names().await?,
    };
    let mut reports = Vec::new();
    for name in names {
        match aws.stages.read(&name).await? {
            Some(stored) => reports.push(StageReport::of(&stored.stage)),
            None => return Err(format!("nothing was ever released into stage {name}").into()),
        }
    }
    print(&reports, flags.output)
}

fn print(reports: &[StageReport], output: Output) -> Result<(), Trouble> {
    let mut out = std::io::stdout().lock();
    match output {
        Output::Json => writeln!(out, "{}", serde_json::to_string_pretty(reports)?)?,
        Output::Table if reports.is_empty() => writeln!(out, "Nothing was released into any stage yet.")?,
        Output::Table => {
            let width = (!out.is_terminal()).then_some(WIDTH_WITHOUT_TERMINAL);
            let now = SystemClock::start().now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
            for report in reports {
                writeln!(out, "{}", table(report, now, width))?;
            }
        }
    }
    Ok(())
}
