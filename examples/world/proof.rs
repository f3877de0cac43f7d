//! The proofs of the third act: that both versions were there and tested at once, and that neither touched the other.

use bluestage::release::VersionRef;
use serde_json::json;

use super::Trouble;
use super::demo::{Demo, Overlap};
use super::evidence::{Evidence, Span, ask, of_artifact, tax_on_a_hundred, test_spans};
use super::story::Look;
use super::watch::{Watch, is_being_tested};

const TESTS: &str = "RunIsolatedTests";

impl Demo {
    /// Watches both pipelines to their ends, and gathers what each of them shows.
    pub(crate) async fn prove_overlap(&mut self, overlap: &Overlap) -> Result<(), Trouble> {
        let (good, broken) = (&overlap.good, &overlap.broken);
        let either_ended = |seen: &Watch| seen.ended(good) || seen.ended(broken);
        let enough = |seen: &Watch| both_are_tested(seen, overlap) || either_ended(seen);
        self.watch.until("both tests at once", enough).await?;
        let at_once = both_are_tested(&self.watch, overlap);
        self.checks.note(at_once, "one stage document shows both versions while they are tested");
        if at_once {
            self.look_around(overlap).await?;
        }
        let both_ended = |seen: &Watch| seen.ended(good) && seen.ended(broken);
        self.watch.until("the end of both pipelines", both_ended).await?;
        self.prove_isolation(overlap).await?;
        self.prove_good(good)?;
        self.prove_broken(overlap).await?;
        let after = self.call_live_billing()?;
        let same = self.watch.live("billing")?.id == overlap.live_billing.id && after == overlap.before;
        let (version, tax) = &overlap.before;
        let what = format!("billing {version} stayed live and took {tax} on 100.00, before and after");
        self.checks.note(same, what);
        Ok(())
    }

    /// The moment in which both are tested: what stacks there are, and what live billing answers.
    async fn look_around(&mut self, overlap: &Overlap) -> Result<(), Trouble> {
        let stacks = self.watch.world.stacks().await;
        let what = "in this moment both are tested, and these stacks stand side by side:";
        self.watch.teller.says("demo", what);
        self.watch.teller.quotes(&self.with_roles(&stacks));
        let meanwhile = self.call_live_billing()?;
        let own_stack = |execution: &String| {
            let made = self.watch.made_by(execution);
            made.is_some_and(|(_, version)| stacks.contains(&version.stack.name))
        };
        let stand = [&overlap.good, &overlap.broken].into_iter().all(own_stack)
            && stacks.contains(&overlap.live_billing.stack.name);
        self.checks.note(stand, "in that moment each had a stack of its own, beside the live ones");
        self.checks.note(meanwhile == overlap.before, "in that moment live billing answered as before");
        Ok(())
    }

    /// Which billing the tests of orders met, as they recorded it themselves.
    async fn prove_isolation(&mut self, overlap: &Overlap) -> Result<(), Trouble> {
        let tests = self.watch.action(&overlap.good, TESTS)?;
        let results = tests.output_artifacts.first().ok_or("the tests of orders left no artifact")?;
        let evidence: Evidence = of_artifact(&self.watch.world, results).await?;
        let certified = evidence.certificate["view"]["billing"]["version"].as_str().unwrap_or("none");
        let answered = evidence.noted("billing_version").unwrap_or("nobody");
        let placed = evidence.noted("orders_placed").unwrap_or("no");
        let teller = &self.watch.teller;
        teller.says("orders", &format!("its certificate says: tested with billing {certified}"));
        teller.says("orders", &format!("its report says: {placed} orders placed, each answered by billing {answered}"));
        let live = overlap.live_billing.id.as_str();
        let what = format!("the tests of orders met billing {live} and no other, in {placed} orders");
        self.checks.note(certified == live && answered == live, what);
        Ok(())
    }

    /// That orders is live with its change.
    fn prove_good(&mut self, good: &str) -> Result<(), Trouble> {
        let live = self.watch.live("orders")?;
        let order = ask(&live, "/orders", &json!({"items": [{"sku": "chair", "quantity": 1}]}))?;
        let (of, currency) = (&order["version"], &order["currency"]);
        let told = format!("live, answers a call: the currency is {}", currency.as_str().unwrap_or("missing"));
        let version = VersionRef { service: "orders".parse()?, version: live.id.clone() };
        self.watch.teller.tells(&version, &told, Look::Plain);
        let is_it = self.watch.succeeded(good) && live.execution.execution_id == good;
        let ok = is_it && *of == live.id.as_str() && currency == "EUR";
        self.checks.note(ok, format!("orders passed its tests, went live as {} and answers with the change", live.id));
        Ok(())
    }

    /// How the broken billing failed, and that its tests ran while those of orders did.
    async fn prove_broken(&mut self, overlap: &Overlap) -> Result<(), Trouble> {
        let tests = self.watch.action(&overlap.broken, TESTS)?;
        let teller = &self.watch.teller;
        teller.says("billing", &format!("CodePipeline says why ({}):", tests.error_code));
        teller.quotes(&tests.message);
        let good = test_spans(&self.watch.world, "orders", &overlap.good).await?;
        let broken = test_spans(&self.watch.world, "billing", &overlap.broken).await?;
        teller.says("demo", "when the tests ran, as CodePipeline recorded it:");
        teller.quotes(&format!("orders   {}\nbilling  {}", self.seconds(&good), self.seconds(&broken)));
        let shared = good.iter().flat_map(|good| broken.iter().map(|broken| good.shared_with(*broken)));
        let shared = shared.max().unwrap_or_default().as_secs_f64();
        let what = format!("the tests of the broken billing ran for {shared:.1} s beside the tests of orders");
        self.checks.note(shared > 0.0, what);
        let named = tests.message.lines().filter(|line| line.starts_with("- ")).count();
        let told = named > 0 && tests.message.contains(&format!("{named} of "));
        let failed = !self.watch.succeeded(&overlap.broken) && broken.iter().all(|span| span.failed);
        let attempts = broken.len();
        let what =
            format!("the broken billing failed all {attempts} attempts; the message names its {named} failed tests");
        self.checks.note(told && failed, what);
        Ok(())
    }

    /// Calls whatever billing is live now: which version answers, and its tax on 100.00.
    pub(crate) fn call_live_billing(&self) -> Result<(String, String), Trouble> {
        let live = self.watch.live("billing")?;
        let answer = tax_on_a_hundred(&live)?;
        let of = VersionRef { service: "billing".parse()?, version: live.id };
        let told = format!("live, answers a call: the tax on 100.00 is {}", answer.1);
        self.watch.teller.tells(&of, &told, Look::Plain);
        Ok(answer)
    }

    /// The stacks, each with what it is in the stage.
    fn with_roles(&self, stacks: &[String]) -> String {
        let role = |name: &String| {
            let mut versions = self.watch.stage.all_versions();
            let found = versions.find(|(_, version)| version.stack.name == *name);
            found.map_or_else(String::new, |(_, version)| format!("{:?}", version.state).to_lowercase())
        };
        stacks.iter().map(|name| format!("{name:<28} {}\n", role(name))).collect()
    }

    fn seconds(&self, spans: &[Span]) -> String {
        let second = |time| self.watch.teller.second_of(time);
        let told = spans.iter().map(|span| format!("{:.1} s to {:.1} s", second(span.from), second(span.to)));
        told.collect::<Vec<_>>().join(", again ")
    }
}

/// Whether this very document shows both versions under test.
fn both_are_tested(seen: &Watch, overlap: &Overlap) -> bool {
    [&overlap.good, &overlap.broken].into_iter().all(|execution| {
        let made = seen.made_by(execution);
        made.is_some_and(|(_, version)| is_being_tested(version))
    })
}
