//! Looks at what passes through two ports: the stage documents and the journal.
//!
//! What a stage holds is told from the documents that are read and written anyway (the sweep alone reads each of them every
//! minute), so these numbers cost no call.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::metrics;
use crate::ports::{Etag, Fault, Journal, Page, PageId, Ports, Stages, Stored, Written};
use crate::release::{Stage, StageName};

/// The same ports, observed.
#[must_use]
pub fn observed(ports: Ports) -> Ports {
    Ports {
        stages: Arc::new(ObservedStages { of: Arc::clone(&ports.stages), seen: Mutex::default() }),
        journal: Arc::new(ObservedJournal(Arc::clone(&ports.journal))),
        ..ports
    }
}

struct ObservedStages {
    of: Arc<dyn Stages>,
    /// How new what was told last of each stage is. A reader that was slow must not tell the past.
    seen: Mutex<BTreeMap<StageName, u64>>,
}

impl ObservedStages {
    fn look(&self, stage: &Stage) {
        // Held until it is told, so that two do not tell in the wrong order. Nothing in it can be left half done.
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.get(&stage.name).is_none_or(|newest| *newest < stage.seq) {
            seen.insert(stage.name.clone(), stage.seq);
            metrics().stage_seen(stage);
        }
    }
}

#[async_trait]
impl Stages for ObservedStages {
    async fn read(&self, stage: &StageName) -> Result<Option<Stored>, Fault> {
        let stored = self.of.read(stage).await?;
        stored.iter().for_each(|stored| self.look(&stored.stage));
        Ok(stored)
    }

    async fn write(&self, stage: &Stage, after: Option<&Etag>) -> Result<Written, Fault> {
        let written = self.of.write(stage, after).await;
        metrics().document_written("stage", written.as_ref().map(|written| *written == Written::Yes));
        if let Ok(Written::Yes) = written {
            self.look(stage);
        }
        written
    }

    async fn names(&self) -> Result<Vec<StageName>, Fault> {
        self.of.names().await
    }

    fn place(&self) -> String {
        self.of.place()
    }
}

struct ObservedJournal(Arc<dyn Journal>);

#[async_trait]
impl Journal for ObservedJournal {
    async fn pages(&self) -> Result<Vec<(PageId, Etag)>, Fault> {
        self.0.pages().await
    }

    async fn read(&self, id: &PageId) -> Result<Option<(Page, Etag)>, Fault> {
        self.0.read(id).await
    }

    async fn write(&self, id: &PageId, page: &Page, after: Option<&Etag>) -> Result<Option<Etag>, Fault> {
        let written = self.0.write(id, page, after).await;
        metrics().document_written("journal", written.as_ref().map(Option::is_some));
        written
    }

    async fn remove(&self, id: &PageId) -> Result<(), Fault> {
        self.0.remove(id).await
    }
}
