//! Builds: each takes a minute of the world's time and passes, unless something else was said.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bluestage::clock::Clock;
use bluestage::ports::{Build, BuildEnd, BuildOrder, Builds, FailedTest, Fault, Totals};
use bluestage::release::RunId;

use super::line::Line;

/// How long a build takes.
const TAKES: Duration = Duration::from_mins(1);

/// A build that was ordered.
#[derive(Clone, Debug)]
pub(crate) struct Ordered {
    pub(crate) run: RunId,
    pub(crate) project: String,
    pub(crate) source: String,
    pub(crate) variables: Vec<String>,
    pub(crate) stopped: bool,
    began: Duration,
}

pub(crate) struct MemoryBuilds {
    line: Arc<Line>,
    clock: Arc<dyn Clock>,
    ordered: Arc<Mutex<Vec<Ordered>>>,
    /// How builds end.
    failing: Arc<Mutex<bool>>,
}

impl MemoryBuilds {
    pub(crate) fn new(line: Arc<Line>, clock: Arc<dyn Clock>) -> Self {
        Self { line, clock, ordered: Arc::default(), failing: Arc::default() }
    }

    /// The same over another line.
    pub(crate) fn over(&self, line: Arc<Line>) -> Self {
        let clock = Arc::clone(&self.clock);
        Self { line, clock, ordered: Arc::clone(&self.ordered), failing: Arc::clone(&self.failing) }
    }

    /// One of three tests fails from now on.
    pub(crate) fn fail(&self) {
        *self.failing.lock().unwrap() = true;
    }

    /// The builds, in the order in which they were started.
    pub(crate) fn ordered(&self) -> Vec<Ordered> {
        self.ordered.lock().unwrap().clone()
    }

    fn begin(&self, order: &BuildOrder) -> Build {
        let mut ordered = self.ordered.lock().unwrap();
        let known = ordered.iter().position(|build| build.run == order.run);
        let number = known.unwrap_or(ordered.len());
        if known.is_none() {
            ordered.push(Ordered {
                run: order.run.clone(),
                project: order.project.clone(),
                source: format!("{}/{}", order.source.bucket, order.source.key),
                variables: order.environment.iter().map(|variable| variable.name.clone()).collect(),
                stopped: false,
                began: self.clock.elapsed(),
            });
        }
        self.told(number, &ordered[number])
    }

    fn told(&self, number: usize, build: &Ordered) -> Build {
        let failing = *self.failing.lock().unwrap();
        let is_over = self.clock.elapsed().saturating_sub(build.began) >= TAKES;
        let status = match (build.stopped, is_over, failing) {
            (true, ..) => Some("STOPPED"),
            (_, false, _) => None,
            (_, true, true) => Some("FAILED"),
            (_, true, false) => Some("SUCCEEDED"),
        };
        let counts = status.filter(|status| *status != "STOPPED").is_some();
        let failed = u64::from(failing && counts);
        let test = FailedTest { name: "checkout".to_owned(), message: "1 is not 2".to_owned() };
        Build {
            id: format!("tests:{number}"),
            phase: "BUILD".to_owned(),
            ended: status.map(|status| BuildEnd {
                build: format!("tests:{number}"),
                status: status.to_owned(),
                phases: Vec::new(),
                log: None,
            }),
            totals: counts.then_some(Totals { tests: 3, failed, ..Totals::default() }),
            failed_tests: if failed > 0 { vec![test] } else { Vec::new() },
            started_at: 0,
            ended_at: None,
        }
    }

    fn number(id: &str) -> usize {
        id.rsplit(':').next().and_then(|number| number.parse().ok()).expect("an id of ours")
    }
}

#[async_trait]
impl Builds for MemoryBuilds {
    async fn start(&self, order: &BuildOrder) -> Result<Build, Fault> {
        self.line.call(format!("builds.start {}", order.run), || Ok(self.begin(order))).await
    }

    async fn read(&self, id: &str) -> Result<Build, Fault> {
        let number = Self::number(id);
        let effect = || Ok(self.told(number, &self.ordered.lock().unwrap()[number]));
        self.line.call(format!("builds.read {id}"), effect).await
    }

    async fn stop(&self, id: &str) -> Result<(), Fault> {
        let number = Self::number(id);
        let effect = || {
            self.ordered.lock().unwrap()[number].stopped = true;
            Ok(())
        };
        self.line.call(format!("builds.stop {id}"), effect).await
    }
}
