//! What a developer does: change a service's files, and release them through its pipeline.

use std::path::Path;

use aws_sdk_s3::primitives::ByteStream;
use bluestage::archive;
use tempfile::TempDir;

use super::{SOURCE_BUCKET, World, root};

/// The files of a service, changed as a test needs it.
pub struct Source {
    directory: TempDir,
}

impl Source {
    /// No files yet.
    pub fn empty() -> Self {
        Self { directory: tempfile::tempdir().expect("a temporary directory") }
    }

    /// The files of a sample service.
    pub fn sample(name: &str) -> Self {
        let source = Self::empty();
        copy(&root().join("pipeline-templates/samples").join(name), source.directory.path());
        source
    }

    /// With this file, new or replaced.
    #[must_use]
    pub fn with(self, path: &str, text: &str) -> Self {
        let file = self.directory.path().join(path);
        std::fs::create_dir_all(file.parent().expect("a directory")).expect("a directory");
        std::fs::write(file, text).expect("a file");
        self
    }

    /// With `from` replaced by `to` in a file, which must hold it.
    #[must_use]
    pub fn changed(self, path: &str, from: &str, to: &str) -> Self {
        let text = std::fs::read_to_string(self.directory.path().join(path)).expect("the file is there");
        assert!(text.contains(from), "{path} does not hold {from}");
        self.with(path, &text.replace(from, to))
    }

    /// As the zip archive that the pipeline's source is.
    fn zip(&self) -> Vec<u8> {
        let home = tempfile::tempdir().expect("a temporary directory");
        let file = home.path().join("source.zip");
        archive::pack(self.directory.path(), &file).expect("the source can be packed");
        std::fs::read(file).expect("the archive can be read")
    }
}

impl World {
    /// Puts the source where the pipeline takes it from.
    pub async fn push(&self, pipeline: &str, source: &Source) {
        self.push_bytes(pipeline, source.zip()).await;
    }

    /// Puts these bytes where the pipeline takes its source from.
    pub async fn push_bytes(&self, pipeline: &str, bytes: Vec<u8>) {
        let put = self.s3().put_object().bucket(SOURCE_BUCKET).key(format!("{pipeline}.zip"));
        put.body(ByteStream::from(bytes)).send().await.expect("the source is stored");
    }

    /// Starts the pipeline with what was pushed last, and tells the execution's id.
    pub async fn start_pipeline(&self, pipeline: &str) -> String {
        let started = self.codepipeline().start_pipeline_execution().name(pipeline).send().await;
        let started = started.expect("the pipeline starts");
        started.pipeline_execution_id.expect("an execution id")
    }

    /// Pushes and starts.
    pub async fn release(&self, pipeline: &str, source: &Source) -> String {
        self.push(pipeline, source).await;
        self.start_pipeline(pipeline).await
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("the sample is there").flatten() {
        let (name, path) = (entry.file_name(), entry.path());
        // Python's leftovers of running the tests by hand.
        if name == "__pycache__" || name == ".pytest_cache" {
            continue;
        }
        let target = to.join(&name);
        if path.is_dir() {
            std::fs::create_dir_all(&target).expect("a directory");
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).expect("a copy");
        }
    }
}
