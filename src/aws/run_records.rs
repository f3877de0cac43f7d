//! Records of test runs on S3: `record.json`, `bundle.zip` and `report.html` in `runs/{stage}/{run}/`.
//!
//! The first record of a run is written by one worker alone, the others without a condition: each run has one worker,
//! and `beat` tells a reader whether it is alive.
//! They never live in the stage document, which a heartbeat would make busy.

use std::path::Path;

use async_trait::async_trait;
use aws_sdk_s3::primitives::ByteStream;
use tempfile::TempDir;

use super::download::download;
use super::fault;
use super::files::{Access, Missed, Place};
use super::state_bucket::{Conditional, StateBucket};
use super::upload::{Target, upload};
use crate::ports::{Bundle, Fault, RunRecord, RunRecords};
use crate::release::{RunId, StageName};

/// Run records in the state bucket.
pub(super) struct RunObjects(pub(super) StateBucket);

fn all_of(stage: &StageName, run: &RunId) -> String {
    format!("runs/{stage}/{run}/")
}

fn page_of(stage: &StageName, run: &RunId) -> String {
    format!("runs/{stage}/{run}/report.html")
}

fn record_of(stage: &StageName, run: &RunId) -> String {
    format!("runs/{stage}/{run}/record.json")
}

fn bundle_of(stage: &StageName, run: &RunId) -> String {
    format!("runs/{stage}/{run}/bundle.zip")
}

#[async_trait]
impl RunRecords for RunObjects {
    async fn read(&self, stage: &StageName, run: &RunId) -> Result<Option<RunRecord>, Fault> {
        let doing = format!("read the record of {run}");
        let Some(found) = self.0.read(&record_of(stage, run), &doing).await? else {
            return Ok(None);
        };
        serde_json::from_slice(&found.bytes)
            .map(Some)
            .map_err(|bad| fault::rejected(doing, format!("it is not a run record: {bad}")))
    }

    async fn create(&self, stage: &StageName, run: &RunId, record: &RunRecord) -> Result<bool, Fault> {
        let doing = format!("write the first record of {run}");
        let written = self.0.write_if(&record_of(stage, run), bytes_of(record, &doing)?, (None, &doing)).await?;
        if matches!(written, Conditional::Written(_)) {
            return Ok(true);
        }
        // Our own write, whose answer was lost, may be what stands there.
        Ok(self.read(stage, run).await?.as_ref() == Some(record))
    }

    async fn write(&self, stage: &StageName, run: &RunId, record: &RunRecord) -> Result<(), Fault> {
        let doing = format!("write the record of {run}");
        let bytes = bytes_of(record, &doing)?;
        self.0.write(&record_of(stage, run), bytes, &doing).await
    }

    async fn write_bundle(&self, stage: &StageName, run: &RunId, bundle: &Bundle) -> Result<(), Fault> {
        let doing = format!("store the reports of {run}");
        if let Some(page) = &bundle.page {
            self.write_page(&page_of(stage, run), page, &doing).await?;
        }
        let key = self.0.location.key(&bundle_of(stage, run));
        let place = Place { bucket: self.0.location.bucket(), key: &key };
        let access = Access::lasting(self.0.s3.clone());
        let uploaded = upload(&access, Target { place, kms_key: None }, &bundle.file, &doing).await;
        uploaded.map_err(|missed| into_fault(missed, doing))
    }

    fn place(&self, stage: &StageName, run: &RunId) -> String {
        let key = self.0.location.key(&all_of(stage, run));
        format!("s3://{}/{key}", self.0.location.bucket())
    }

    async fn read_bundle(&self, stage: &StageName, run: &RunId) -> Result<Option<Bundle>, Fault> {
        let doing = format!("fetch the reports of {run}");
        let home = TempDir::new().map_err(|error| fault::unavailable(doing.clone(), error.to_string()))?;
        let file = home.path().join("bundle.zip");
        let key = self.0.location.key(&bundle_of(stage, run));
        let place = Place { bucket: self.0.location.bucket(), key: &key };
        match download(&Access::lasting(self.0.s3.clone()), place, &file, &doing).await {
            Ok(()) => Ok(Some(Bundle { home, file, page: None })),
            Err(Missed::Gone(code)) if code == "NoSuchKey" => Ok(None),
            Err(missed) => Err(into_fault(missed, doing)),
        }
    }
}

impl RunObjects {
    /// As a browser shows it, and does not download it.
    async fn write_page(&self, name: &str, page: &Path, doing: &str) -> Result<(), Fault> {
        let text = tokio::fs::read(page).await;
        let text = text.map_err(|error| fault::unavailable(doing.to_owned(), error.to_string()))?;
        let request = self.0.put(name).content_type("text/html; charset=utf-8").body(ByteStream::from(text));
        request.send().await.map(drop).map_err(|error| self.0.fault(doing, &error))
    }
}

fn bytes_of(record: &RunRecord, doing: &str) -> Result<Vec<u8>, Fault> {
    serde_json::to_vec(record).map_err(|bad| fault::rejected(doing.to_owned(), bad.to_string()))
}

fn into_fault(missed: Missed, doing: String) -> Fault {
    match missed {
        Missed::Gone(code) => fault::rejected(doing, code),
        Missed::TooLarge => fault::rejected(doing, "it is too large".to_owned()),
        Missed::Expired(fault) | Missed::BrokeOff(fault) | Missed::Fault(fault) => fault,
    }
}
