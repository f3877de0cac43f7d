//! `bluestage rebind`: releases services that are behind again, by their own pipelines.

use std::collections::BTreeSet;
use std::io::Write;

use clap::Args;

use super::Trouble;
use super::ports::{self, Tests};
use crate::actions;
use crate::aws::StateLocation;
use crate::release::{ServiceName, StageName};

/// The flags of `bluestage rebind`.
#[derive(Args)]
pub(super) struct RebindFlags {
    /// The services
    #[arg(required_unless_present = "all")]
    services: Vec<ServiceName>,
    /// Every service of the stage that is behind
    #[arg(long, conflicts_with = "services")]
    all: bool,
    /// Where the stage documents are kept
    #[arg(long, env = "BLUESTAGE_STATE", value_name = "s3://BUCKET/PREFIX")]
    state: StateLocation,
    /// The stage
    #[arg(long, env = "BLUESTAGE_STAGE")]
    stage: StageName,
}

/// Letters and digits of one call's name: when a person asks twice, twice is meant.
const OCCASION: usize = 12;

/// Starts the pipelines and says which were started, and which follow later.
pub(super) async fn run(flags: RebindFlags) -> Result<(), Trouble> {
    let ports = ports::of(flags.state, Tests::default()).await;
    let named: BTreeSet<ServiceName> = flags.services.into_iter().collect();
    let only = (!flags.all).then_some(&named);
    let rebound = actions::rebind(&ports, &flags.stage, only, &ports.dice.id(OCCASION)).await?;
    let mut out = std::io::stdout().lock();
    for (service, execution) in &rebound.started {
        writeln!(out, "{service}: its pipeline was started (execution {execution})")?;
    }
    for service in &rebound.later {
        writeln!(out, "{service}: waits for a provider that is itself behind; rebind it when that one is live")?;
    }
    for service in &rebound.up_to_date {
        writeln!(out, "{service}: is wired to what is live; nothing to do")?;
    }
    if rebound == actions::Rebound::default() {
        writeln!(out, "No service of stage {} is behind.", flags.stage)?;
    }
    Ok(())
}
