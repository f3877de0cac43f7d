//! Artifacts: by name, the files that unpacking writes.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bluestage::ports::{Artifact, ArtifactFault, Artifacts, Job};

use super::line::Line;

type Files = BTreeMap<String, String>;

#[derive(Default)]
struct Bucket {
    /// By the object's key.
    stored: BTreeMap<String, Files>,
    uploads: Vec<(String, Vec<u8>)>,
}

/// Artifacts in memory.
pub(crate) struct MemoryArtifacts {
    line: Arc<Line>,
    bucket: Arc<Mutex<Bucket>>,
}

impl MemoryArtifacts {
    pub(crate) fn new(line: Arc<Line>) -> Self {
        Self { line, bucket: Arc::default() }
    }

    /// The same over another line.
    pub(crate) fn over(&self, line: Arc<Line>) -> Self {
        Self { line, bucket: Arc::clone(&self.bucket) }
    }

    /// Stores an artifact with these files under this key.
    pub(crate) fn store(&self, key: &str, files: Files) {
        let mut bucket = self.bucket.lock().unwrap();
        bucket.stored.insert(key.to_owned(), files);
    }

    /// Somebody deletes the artifact.
    pub(crate) fn delete(&self, key: &str) {
        self.bucket.lock().unwrap().stored.remove(key);
    }

    /// What was uploaded: the artifact's name and the file's bytes.
    pub(crate) fn uploads(&self) -> Vec<(String, Vec<u8>)> {
        self.bucket.lock().unwrap().uploads.clone()
    }

    fn write_files(&self, artifact: &Artifact, into: &Path) -> Result<(), ArtifactFault> {
        let bucket = self.bucket.lock().unwrap();
        let Some(files) = bucket.stored.get(&artifact.key) else {
            return Err(ArtifactFault::Gone {
                name: artifact.name.clone(),
                detail: format!("s3://{}/{} does not exist", artifact.bucket, artifact.key),
            });
        };
        if files.contains_key("/") {
            return Err(ArtifactFault::Refused {
                name: artifact.name.clone(),
                why: "it holds an absolute path: /".to_owned(),
            });
        }
        for (path, text) in files {
            std::fs::write(into.join(path), text).expect("the file can be written");
        }
        Ok(())
    }
}

#[async_trait]
impl Artifacts for MemoryArtifacts {
    async fn unpack(&self, _: &Job, artifact: &Artifact, into: &Path) -> Result<(), ArtifactFault> {
        let name = format!("artifacts.unpack {}", artifact.name);
        self.line.call(name, || self.write_files(artifact, into)).await
    }

    async fn upload(&self, _: &Job, artifact: &Artifact, from: &Path) -> Result<(), ArtifactFault> {
        let effect = || {
            let bytes = std::fs::read(from).expect("what is uploaded is there");
            let mut bucket = self.bucket.lock().unwrap();
            bucket.uploads.push((artifact.name.clone(), bytes));
            Ok(())
        };
        self.line.call(format!("artifacts.upload {}", artifact.name), effect).await
    }
}
