//! `bluestage explain`: answers in sentences, from the document.

use std::io::Write;

use clap::Args;

use super::Trouble;
use super::ports::{self, Tests};
use crate::aws::StateLocation;
use crate::release::StageName;
use crate::status::explain;

/// The flags of `bluestage explain`.
#[derive(Args)]
pub(super) struct ExplainFlags {
    /// A service, a version or a test run, by its name
    subject: String,
    /// Where the stage documents are kept
    #[arg(long, env = "BLUESTAGE_STATE", value_name = "s3://BUCKET/PREFIX")]
    state: StateLocation,
    /// The stage
    #[arg(long, env = "BLUESTAGE_STAGE")]
    stage: StageName,
}

/// Prints the answer.
pub(super) async fn run(flags: ExplainFlags) -> Result<(), Trouble> {
    let ports = ports::of(flags.state, Tests::default()).await;
    let Some(stored) = ports.stages.read(&flags.stage).await? else {
        return Err(format!("nothing was ever released into stage {}", flags.stage).into());
    };
    let Some(sentences) = explain(&stored.stage, &flags.subject) else {
        let message = format!(
            "stage {} knows no service, version or run named {}; what was retired long ago is forgotten",
            flags.stage, flags.subject
        );
        return Err(message.into());
    };
    let mut out = std::io::stdout().lock();
    for sentence in sentences {
        writeln!(out, "{sentence}")?;
    }
    Ok(())
}
