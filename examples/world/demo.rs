//! The story: three services in one shared stage, and a broken version that disturbs nobody.
//!
//! Everything that is told and checked was observed: in CodePipeline, in the stage document, in CloudFormation, or by
//! calling the services. `proof.rs` has the proofs of the third act.

use std::process::ExitCode;

use bluestage::release::{State, Version};

use super::check::Checks;
use super::story::Teller;
use super::watch::Watch;
use super::world::{Options, Source, World};
use super::{Trouble, bluestage, samples};

const SERVICES: [&str; 3] = ["billing", "inventory", "orders"];

/// Where the sample's tests say for how long they place orders, and for how long the good change does: long enough for
/// the broken billing to be deployed and tested meanwhile, on a busy machine too.
const SOAK: (&str, &str) = (r#"float(os.environ.get("SOAK_SECONDS", "2"))"#, "8.0");

/// What the good change adds to the answers of orders.
const CURRENCY: (&str, &str) = (r#""total": invoice["total"],"#, r#""total": invoice["total"], "currency": "EUR","#);

/// What the broken change does to billing.
const TAX: (&str, &str) = (r#"TAX_RATE = Decimal("0.19")"#, r#"TAX_RATE = Decimal("0.91")"#);

/// Flags of the worker that let a failed blue go after seconds, so that the story shows its end. Usually it is kept
/// for half an hour, to be looked at.
const QUICK_SWEEP: [&str; 2] = ["--failed-grace-seconds", "2"];

pub(crate) struct Demo {
    pub(crate) watch: Watch,
    pub(crate) checks: Checks,
}

/// The two pipeline executions of the third act, and what was live when they began.
pub(crate) struct Overlap {
    pub(crate) good: String,
    pub(crate) broken: String,
    pub(crate) live_billing: Version,
    /// What live billing answered: its version, and its tax on 100.00.
    pub(crate) before: (String, String),
}

/// With tests that place orders for longer.
pub(crate) fn soaking(orders: Source) -> Source {
    orders.changed("tests/test_orders.py", SOAK.0, SOAK.1)
}

/// Tells the story, and whether all was ok.
pub(crate) async fn tell(teller: Teller) -> Result<ExitCode, Trouble> {
    let mut demo = Demo::set_up(teller).await?;
    let ok = match demo.play().await {
        Ok(()) => demo.conclude()?,
        Err(trouble) => {
            demo.tell_checks();
            return Err(trouble);
        }
    };
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Demo {
    async fn set_up(teller: Teller) -> Result<Self, Trouble> {
        teller.chapter("1. The parts start: a local AWS, a local CodePipeline, a worker");
        let worker_flags = QUICK_SWEEP.map(str::to_owned).to_vec();
        let options = Options { worker_flags, ..samples() };
        let world = World::with_worker(&bluestage()?, options).await;
        teller.says("demo", &format!("MiniStack (CloudFormation, S3, Lambda, API Gateway) at {}", world.aws_url));
        let pipelines = SERVICES.join(", ");
        teller.says("demo", &format!("CodePipeline with the pipelines {pipelines} at {}", world.codepipeline_url));
        teller.says("demo", "one bluestage worker");
        teller.says("demo", &format!("to watch it in a browser: {}", world.codepipeline_url));
        Ok(Self { watch: Watch::over(world, teller).await, checks: Checks::default() })
    }

    async fn play(&mut self) -> Result<(), Trouble> {
        self.release_all().await?;
        let overlap = self.release_good_and_broken().await?;
        self.prove_overlap(&overlap).await?;
        let racing = self.race().await?;
        self.mend(&overlap).await?;
        self.see_retry(&racing).await?;
        self.see_the_broken_gone(&overlap.broken).await
    }

    async fn release_all(&mut self) -> Result<(), Trouble> {
        self.watch.teller.chapter("2. All three services are released at once, into an empty stage");
        let mut all = Vec::new();
        for service in SERVICES {
            let source = Source::sample(service);
            all.push(self.watch.release(service, &source, "its first release").await);
        }
        let ended = |seen: &Watch| all.iter().all(|execution| seen.ended(execution));
        self.watch.until("the end of the first releases", ended).await?;
        let live = SERVICES.iter().all(|service| self.watch.live(service).is_ok());
        let ok = live && all.iter().all(|execution| self.watch.succeeded(execution));
        self.checks.note(ok, "three services released at once into an empty stage all went live");
        if ok { Ok(()) } else { Err(self.watch.trouble("the first releases did not all succeed")) }
    }

    /// Starts the broken billing when the tests of the good orders have begun.
    async fn release_good_and_broken(&mut self) -> Result<Overlap, Trouble> {
        self.watch.teller.chapter("3. A good orders and a broken billing are released at the same time");
        let live_billing = self.watch.live("billing")?;
        let before = self.call_live_billing()?;
        let orders = soaking(Source::sample("orders").changed("app.py", CURRENCY.0, CURRENCY.1));
        let what = "a good change: its answers name the currency";
        let good = self.watch.release("orders", &orders, what).await;
        let tested = |seen: &Watch| seen.ended(&good) || seen.is_tested_by_codepipeline(&good);
        self.watch.until("the beginning of the tests of orders", tested).await?;
        let billing = Source::sample("billing").changed("app.py", TAX.0, TAX.1);
        let what = "a broken change: a tax of 0.91 instead of 0.19";
        let broken = self.watch.release("billing", &billing, what).await;
        Ok(Overlap { good, broken, live_billing, before })
    }

    async fn mend(&mut self, overlap: &Overlap) -> Result<(), Trouble> {
        let source = Source::sample("billing").changed("app.py", "TAX_RATE =", "# As the law says.\nTAX_RATE =");
        let mended = self.watch.release("billing", &source, "the mended tax").await;
        self.watch.until("the end of the mended release", |seen| seen.ended(&mended)).await?;
        let promote = self.watch.action(&mended, "Promote")?;
        let value = |name: &str| promote.variables.get(name).map_or("none", String::as_str);
        let (version, previous) = (value("Version"), value("PreviousVersion"));
        let told = format!("Promote hands on Version={version} and PreviousVersion={previous}");
        self.watch.teller.says("billing", &told);
        let (answered, tax) = self.call_live_billing()?;
        let succeeded = self.watch.succeeded(&mended) && answered == version;
        let ok = succeeded && previous == overlap.live_billing.id.as_str() && tax == overlap.before.1;
        let what = format!("the mended billing went live as {answered}; its previous version is {previous}");
        self.checks.note(ok, what);
        Ok(())
    }

    async fn see_the_broken_gone(&mut self, broken: &str) -> Result<(), Trouble> {
        let gone = |seen: &Watch| seen.made_by(broken).is_none();
        self.watch.until("the end of the broken billing", gone).await?;
        let versions = self.watch.stage.all_versions();
        let kept = versions.filter(|(_, version)| matches!(version.state, State::Live | State::Previous));
        let kept: Vec<&str> = kept.map(|(_, version)| version.stack.name.as_str()).collect();
        let stacks = self.watch.world.stacks().await;
        let ok = stacks.len() == kept.len() && stacks.iter().all(|stack| kept.contains(&stack.as_str()));
        let count = stacks.len();
        let what = format!("nothing is left of the broken billing: of the {count} stacks each is live or previous");
        self.checks.note(ok, what);
        Ok(())
    }

    fn conclude(&self) -> Result<bool, Trouble> {
        let teller = &self.watch.teller;
        teller.chapter("5. How things stand: bluestage status");
        let status = self.watch.world.bluestage(&["status"]);
        if !status.status.success() {
            return Err(String::from_utf8_lossy(&status.stderr).into());
        }
        teller.shows(&String::from_utf8_lossy(&status.stdout));
        let ok = self.tell_checks();
        let end = if ok { "All ok" } else { "Not all was ok" };
        teller.shows(&format!("\n{end}, in {} s.", teller.elapsed().as_secs()));
        Ok(ok)
    }

    fn tell_checks(&self) -> bool {
        self.watch.teller.chapter("What was checked");
        self.checks.tell(&self.watch.teller)
    }
}
