//! Billing goes live while orders is being tested with the one before it: orders is refused, and its pipeline deploys,
//! tests and promotes it anew by itself.

use bluestage::release::{ServiceName, VersionId};

use super::Trouble;
use super::demo::{Demo, soaking};
use super::world::Source;

/// An execution of orders that is being tested with a billing that is about to be replaced.
pub(crate) struct Racing {
    execution: String,
    first_blue: VersionId,
}

impl Demo {
    /// Releases orders once more, and waits until its tests run.
    pub(crate) async fn race(&mut self) -> Result<Racing, Trouble> {
        self.watch.teller.chapter("4. Billing is mended, while orders is tested with the billing before it");
        let source = soaking(Source::sample("orders").with("note", "once more\n"));
        let execution = self.watch.release("orders", &source, "one more change").await;
        let tested = |seen: &super::watch::Watch| seen.ended(&execution) || seen.is_tested_by_codepipeline(&execution);
        self.watch.until("the beginning of the tests of orders", tested).await?;
        let blue = self.watch.made_by(&execution);
        let first_blue = blue.map(|(_, version)| version.id.clone());
        let first_blue = first_blue.ok_or_else(|| self.watch.trouble("orders has no blue"))?;
        Ok(Racing { execution, first_blue })
    }

    /// Sees orders refused because of the new billing, and live with it in the end.
    pub(crate) async fn see_retry(&mut self, racing: &Racing) -> Result<(), Trouble> {
        let Racing { execution, first_blue } = racing;
        self.watch.until("the end of orders", |seen| seen.ended(execution)).await?;
        let refused = self.watch.stage.recent.iter().any(|event| {
            event.of.version == *first_blue && event.what.contains("a version it was tested with was replaced")
        });
        let billing: ServiceName = "billing".parse()?;
        let (orders, billing_now) = (self.watch.live("orders")?, self.watch.live("billing")?);
        let anew = orders.id != *first_blue && orders.view.get(&billing) == Some(&billing_now.id);
        let told = format!(
            "{first_blue} was refused, for it was tested with the billing before; its pipeline itself deployed, tested and \
             promoted {} with {}",
            orders.id, billing_now.id
        );
        self.watch.teller.says("orders", &told);
        let ok = refused && anew && self.watch.succeeded(execution);
        self.checks.note(
            ok,
            format!("orders was refused for skew, and its pipeline released it anew with billing {}", billing_now.id),
        );
        Ok(())
    }
}
