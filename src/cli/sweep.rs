//! `bluestage sweep`: one sweep by hand, or what it would do.

use std::io::Write;
use std::time::Duration;

use clap::Args;
use tokio_util::sync::CancellationToken;

use super::Trouble;
use super::ports::{self, Tests};
use super::seconds::seconds;
use crate::actions::{Hold, Sweeper};
use crate::aws::StateLocation;

/// How long it waits for stacks to be gone, all together: longer than a worker, for somebody watches.
const PATIENCE: Duration = Duration::from_secs(5 * 60);

/// The flags of `bluestage sweep`.
#[derive(Args)]
pub(super) struct SweepFlags {
    /// Where the stage documents are kept
    #[arg(long, env = "BLUESTAGE_STATE", value_name = "s3://BUCKET/PREFIX")]
    state: StateLocation,
    /// Print what it would do, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// For how many seconds from now on the blue of a failed pipeline execution is kept
    #[arg(long, env = "BLUESTAGE_FAILED_GRACE_SECONDS", default_value = "1800", value_parser = seconds, value_name = "SECONDS")]
    failed_grace_seconds: Duration,
}

/// Sweeps once, or says what that would do.
pub(super) async fn run(flags: SweepFlags) -> Result<(), Trouble> {
    let ports = ports::of(flags.state, Tests::default()).await;
    let sweeper = Sweeper::new(flags.failed_grace_seconds);
    let mut out = std::io::stdout().lock();
    if flags.dry_run {
        for line in sweeper.plan(&ports).await? {
            writeln!(out, "{line}")?;
        }
        return Ok(());
    }
    let hold = Hold::new(ports.clock.clone(), PATIENCE, CancellationToken::new());
    let swept = sweeper.sweep(&ports, &hold).await?;
    for of in &swept.abandoned {
        writeln!(out, "{of} was given up")?;
    }
    for of in &swept.retired {
        writeln!(out, "{of} was retired")?;
    }
    for of in &swept.going {
        writeln!(out, "the stack of {of} is still being deleted")?;
    }
    for (of, why) in &swept.stuck {
        writeln!(out, "the stack of {of} could not be deleted: {why}")?;
    }
    Ok(())
}
