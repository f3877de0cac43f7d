//! What a run of tests leaves for people: the output artifact, and what is in it.

use std::path::Path;

use bluestage::archive;
use serde_json::Value;
use tempfile::TempDir;

use super::{ActionReport, World};

/// The unpacked output artifact of an action; it is deleted with this value.
pub struct Bundle {
    home: TempDir,
}

impl Bundle {
    /// The text of a file in it.
    pub fn text(&self, path: &str) -> String {
        std::fs::read_to_string(self.path().join(path)).unwrap_or_else(|error| panic!("{path} cannot be read: {error}"))
    }

    /// What was tested, in which view, and what came of it.
    pub fn certificate(&self) -> Value {
        serde_json::from_str(&self.text("certificate.json")).expect("the certificate is JSON")
    }

    fn path(&self) -> std::path::PathBuf {
        self.home.path().join("bundle")
    }
}

impl World {
    /// Downloads and unpacks the only output artifact of an action.
    pub async fn bundle(&self, report: &ActionReport) -> Bundle {
        let [(bucket, key)] = report.output_artifacts.as_slice() else {
            panic!("not one output artifact: {report:#?}");
        };
        let got = self.s3().get_object().bucket(bucket).key(key).send().await;
        let body = got.expect("the artifact is stored").body.collect().await;
        let home = tempfile::tempdir().expect("a temporary directory");
        let bundle = Bundle { home };
        let archive = bundle.home.path().join("bundle.zip");
        let bytes = body.expect("the artifact can be read").into_bytes();
        std::fs::write(&archive, bytes).expect("the archive can be written");
        unpack(&archive, &bundle.path());
        bundle
    }
}

fn unpack(archive: &Path, into: &Path) {
    std::fs::create_dir(into).expect("a directory");
    archive::unpack(archive, into).expect("the artifact is a zip archive");
}
