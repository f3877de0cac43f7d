//! `bluestage switch-back`: a previous version becomes live again.

use std::io::Write;
use std::time::Duration;

use clap::Args;
use tokio_util::sync::CancellationToken;

use super::Trouble;
use super::place::Place;
use super::ports::{self, Tests};
use crate::actions::{self, Hold, SwitchBackRequest, SwitchedBack};
use crate::release::{ServiceName, StageName, VersionId, VersionRef};

/// The flags of `bluestage switch-back`.
#[derive(Args)]
pub(super) struct SwitchBackFlags {
    /// The service
    service: ServiceName,
    #[command(flatten)]
    place: Place,
    /// The stage
    #[arg(long, env = "BLUESTAGE_STAGE")]
    stage: StageName,
    /// The version; without it, the version that was live last
    #[arg(long)]
    to: Option<VersionId>,
    /// Why, for the stage's history
    #[arg(long, default_value = "no reason given")]
    reason: String,
    /// Who, for the stage's history
    #[arg(long, env = "USER", default_value = "somebody")]
    who: String,
    /// Refuse it when live versions would face each other that were not tested together
    #[arg(long)]
    strict: bool,
}

/// How long it waits for the events to follow, where the template has some: two stack updates.
const PATIENCE: Duration = Duration::from_secs(10 * 60);

/// Switches back and says what that means for others.
pub(super) async fn run(flags: SwitchBackFlags) -> Result<(), Trouble> {
    let ports = ports::of(flags.place, Tests::default()).await;
    let request = SwitchBackRequest {
        stage: flags.stage,
        service: flags.service,
        to: flags.to,
        who: flags.who,
        reason: flags.reason,
        strict: flags.strict,
    };
    let before = ports.clock.elapsed();
    let switched = actions::switch_back(&ports, &request).await?;
    let took = ports.clock.elapsed() - before;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{} ({} ms)", told(&request, &switched), took.as_millis())?;
    if switched.events_follow {
        let live = VersionRef { service: request.service.clone(), version: switched.live.clone() };
        let hold = Hold::new(ports.clock.clone(), PATIENCE, CancellationToken::new());
        let done = actions::follow_with_events(&ports, &request.stage, &live, &hold).await?;
        let told = if done { "The events follow: done." } else { "The events follow; the sweep sees it through." };
        writeln!(out, "{told}")?;
    }
    for behind in &switched.behind {
        writeln!(out, "{} goes on calling {}, which it was tested with.", behind.of, behind.wired_to)?;
    }
    for debt in &switched.debts {
        writeln!(out, "{} and {} are live together and were not tested together.", debt.caller, debt.called)?;
    }
    Ok(())
}

fn told(request: &SwitchBackRequest, switched: &SwitchedBack) -> String {
    let SwitchBackRequest { stage, service, .. } = request;
    let kept = switched.kept.as_ref().map_or_else(String::new, |kept| format!("; {kept} is kept to switch to"));
    format!("{service} {} is live in stage {stage}{kept}.", switched.live)
}
