//! `bluestage sweep`: one sweep by hand, or what it would do.

use std::io::Write;
use std::time::Duration;

use clap::Args;
use tokio_util::sync::CancellationToken;

use super::Trouble;
use super::place::Place;
use super::ports::{self, Tests};
use super::seconds::seconds;
use crate::actions::{Hold, Sweeper, Swept};

/// How long it waits for stacks to be gone, all together: longer than a worker, for somebody watches.
const PATIENCE: Duration = Duration::from_secs(5 * 60);

/// The flags of `bluestage sweep`.
#[derive(Args)]
pub(super) struct SweepFlags {
    #[command(flatten)]
    place: Place,
    /// Print what it would do, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Also delete what a worker leaves to you: stacks whose deletion fails, leaving behind what cannot be deleted, and
    /// the stacks of a stage that has no document
    #[arg(long)]
    force: bool,
    /// For how many seconds from now on the blue of a failed pipeline execution is kept
    #[arg(long, env = "BLUESTAGE_FAILED_GRACE_SECONDS", default_value = "1800", value_parser = seconds, value_name = "SECONDS")]
    failed_grace_seconds: Duration,
}

/// Sweeps once, or says what that would do.
pub(super) async fn run(flags: SweepFlags) -> Result<(), Trouble> {
    let ports = ports::of(flags.place, Tests::default()).await;
    let sweeper = Sweeper::new(flags.failed_grace_seconds);
    let sweeper = if flags.force { sweeper.by_force() } else { sweeper };
    let mut out = std::io::stdout().lock();
    if flags.dry_run {
        for line in sweeper.plan(&ports).await? {
            writeln!(out, "{line}")?;
        }
        return Ok(());
    }
    let hold = Hold::new(ports.clock.clone(), PATIENCE, CancellationToken::new());
    let swept = sweeper.sweep(&ports, &hold).await?;
    for line in told(&swept) {
        writeln!(out, "{line}")?;
    }
    if swept.troubles.is_empty() { Ok(()) } else { Err(swept.troubles.join("; ").into()) }
}

/// What it has done, a sentence each.
fn told(swept: &Swept) -> Vec<String> {
    let mut lines: Vec<String> = swept.abandoned.iter().map(|of| format!("{of} was given up")).collect();
    lines.extend(swept.retired.iter().map(|of| format!("{of} was retired")));
    lines.extend(swept.going.iter().map(|of| format!("the stack of {of} is still being deleted")));
    lines.extend(swept.stuck.iter().map(|(of, why)| format!("the stack of {of} could not be deleted: {why}")));
    let orphans = swept.orphans.iter();
    lines.extend(orphans.map(|stack| format!("stack {stack}, which no stage document knew, was deleted")));
    lines.extend(swept.orphans_left.iter().map(|(stack, why)| format!("stack {stack} is left: {why}")));
    lines.extend(swept.left_behind.iter().cloned());
    lines
}
