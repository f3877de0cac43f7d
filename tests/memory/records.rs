//! Records of runs, and what runs leave.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bluestage::ports::{Bundle, Fault, RunRecord, RunRecords, RunStatus};
use bluestage::release::{RunId, StageName};

use super::line::Line;

#[derive(Default)]
struct Stored {
    records: BTreeMap<RunId, RunRecord>,
    bundles: BTreeMap<RunId, Vec<u8>>,
}

/// Records of runs in memory.
pub(crate) struct MemoryRecords {
    line: Arc<Line>,
    stored: Arc<Mutex<Stored>>,
}

impl MemoryRecords {
    pub(crate) fn new(line: Arc<Line>) -> Self {
        Self { line, stored: Arc::default() }
    }

    /// The same over another line.
    pub(crate) fn over(&self, line: Arc<Line>) -> Self {
        Self { line, stored: Arc::clone(&self.stored) }
    }

    /// The run's record.
    pub(crate) fn record(&self, run: &RunId) -> Option<RunRecord> {
        self.stored.lock().unwrap().records.get(run).cloned()
    }

    /// The record is lost.
    pub(crate) fn lose(&self, run: &RunId) {
        self.stored.lock().unwrap().records.remove(run);
    }

    /// Writes the record, whatever the line does.
    pub(crate) fn note(&self, run: &RunId, beat: u64, status: RunStatus) {
        self.keep(run, RunRecord { worker: "memory".to_owned(), beat, status, build: None });
    }

    fn keep(&self, run: &RunId, record: RunRecord) {
        self.stored.lock().unwrap().records.insert(run.clone(), record);
    }

    /// The run leaves its bundle.
    pub(crate) fn leave(&self, run: &RunId) {
        let bundle = format!("bundle of {run}").into_bytes();
        let mut stored = self.stored.lock().unwrap();
        stored.bundles.insert(run.clone(), bundle);
    }
}

#[async_trait]
impl RunRecords for MemoryRecords {
    async fn read(&self, _: &StageName, run: &RunId) -> Result<Option<RunRecord>, Fault> {
        self.line.call(format!("records.read {run}"), || Ok(self.record(run))).await
    }

    async fn create(&self, _: &StageName, run: &RunId, record: &RunRecord) -> Result<bool, Fault> {
        let effect = || {
            let absent = self.record(run).is_none();
            if absent {
                self.keep(run, record.clone());
            }
            Ok(absent)
        };
        self.line.call(format!("records.create {run}"), effect).await
    }

    async fn write(&self, _: &StageName, run: &RunId, record: &RunRecord) -> Result<(), Fault> {
        let effect = || {
            self.keep(run, record.clone());
            Ok(())
        };
        self.line.call(format!("records.write {run}"), effect).await
    }

    async fn write_bundle(&self, _: &StageName, run: &RunId, bundle: &Bundle) -> Result<(), Fault> {
        let effect = || {
            let bytes = std::fs::read(&bundle.file).expect("the bundle is there");
            let mut stored = self.stored.lock().unwrap();
            stored.bundles.insert(run.clone(), bytes);
            Ok(())
        };
        self.line.call(format!("records.write_bundle {run}"), effect).await
    }

    fn place(&self, stage: &StageName, run: &RunId) -> String {
        format!("s3://memory/runs/{stage}/{run}/")
    }

    async fn read_bundle(&self, _: &StageName, run: &RunId) -> Result<Option<Bundle>, Fault> {
        let effect = || {
            let stored = self.stored.lock().unwrap();
            Ok(stored.bundles.get(run).map(|bytes| {
                let home = tempfile::tempdir().expect("a temporary directory");
                let file = home.path().join("bundle.zip");
                std::fs::write(&file, bytes).expect("the bundle can be written");
                Bundle { home, file, page: None }
            }))
        };
        self.line.call(format!("records.read_bundle {run}"), effect).await
    }
}
