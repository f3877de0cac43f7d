//! The input artifacts of a job, unpacked where their files can be read.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value as Json};
use tempfile::TempDir;

use super::properties::{ArtifactPath, PropertyError};
use super::stop::Stop;
use crate::ports::{Artifact, Job, Ports};

/// The most bytes of a template or a configuration file that is read: what CloudFormation takes from S3 at most
/// (CloudFormation user guide, "Quotas": template body in an S3 object, 1 MB).
const MOST_BYTES: u64 = 1_000_000;

/// Files named in a message when the one that was asked for is not there.
const FILES_NAMED: usize = 10;

/// A directory of its own, deleted when it is dropped.
pub(super) struct Workspace<'a> {
    ports: &'a Ports,
    job: &'a Job,
    home: TempDir,
    unpacked: BTreeSet<String>,
}

impl<'a> Workspace<'a> {
    pub(super) fn new(ports: &'a Ports, job: &'a Job) -> Result<Self, Stop> {
        let home = tempfile::Builder::new().prefix("bluestage-").tempdir()?;
        Ok(Self { ports, job, home, unpacked: BTreeSet::new() })
    }

    /// The input artifact of this name.
    pub(super) fn artifact(&self, property: &str, name: &str) -> Result<&'a Artifact, PropertyError> {
        self.job.inputs.iter().find(|input| input.name == name).ok_or_else(|| {
            let names: Vec<&str> = self.job.inputs.iter().map(|input| input.name.as_str()).collect();
            let why = format!("names the artifact {name}, but the action's input artifacts are {}", names.join(", "));
            PropertyError::new(property, why)
        })
    }

    /// The directory that holds this artifact's files; it is downloaded the first time.
    pub(super) async fn directory(&mut self, artifact: &Artifact) -> Result<PathBuf, Stop> {
        let into = self.home.path().join(&artifact.name);
        if self.unpacked.insert(artifact.name.clone()) {
            // At once, and not in a thread: that could make it after this workspace was given up and deleted.
            std::fs::create_dir(&into)?;
            self.ports.artifacts.unpack(self.job, artifact, &into).await?;
        }
        Ok(into)
    }

    /// The text of a file in an input artifact.
    pub(super) async fn text(&mut self, property: &str, file: &ArtifactPath) -> Result<String, Stop> {
        let artifact = self.artifact(property, &file.artifact)?;
        let directory = self.directory(artifact).await?;
        text_in(&directory, property, file).await
    }

    /// The members of a JSON object in an input artifact.
    pub(super) async fn json(&mut self, property: &str, file: &ArtifactPath) -> Result<Map<String, Json>, Stop> {
        let text = self.text(property, file).await?;
        let wrong =
            |why: String| PropertyError::new(property, format!("names {}, which is {why}", file.path.display()));
        Ok(object(&text).map_err(wrong)?)
    }

    /// Gives the directory away, with everything that was unpacked in it.
    pub(super) fn into_home(self) -> TempDir {
        self.home
    }
}

/// The text of a file in this directory, which the artifact was unpacked to.
pub(super) async fn text_in(directory: &Path, property: &str, file: &ArtifactPath) -> Result<String, Stop> {
    let shown = file.path.display();
    let wrong = |why: String| Stop::Property(PropertyError::new(property, format!("names {shown}, which {why}")));
    let Some((place, bytes)) = place_of(directory, &file.path).await else {
        let there = files_of(directory).join(", ");
        return Err(wrong(format!("is not in the artifact {}; it holds {there}", file.artifact)));
    };
    if bytes > MOST_BYTES {
        return Err(wrong(format!("has {bytes} bytes; at most {MOST_BYTES} are read")));
    }
    let read = tokio::fs::read(place).await?;
    String::from_utf8(read).map_err(|_| wrong("is not UTF-8 text".to_owned()))
}

/// Where a plain file in the directory really is, and its length. Links are followed as long as they end inside: no
/// archive is unpacked in which one does not, and this does not rely on it.
async fn place_of(directory: &Path, file: &Path) -> Option<(PathBuf, u64)> {
    let inside = tokio::fs::canonicalize(directory).await.ok()?;
    let place = tokio::fs::canonicalize(inside.join(file)).await.ok()?;
    let found = tokio::fs::metadata(&place).await.ok()?;
    (place.starts_with(inside) && found.is_file()).then_some((place, found.len()))
}

/// The members of a JSON object, or what the text is instead.
pub(super) fn object(text: &str) -> Result<Map<String, Json>, String> {
    match serde_json::from_str(text) {
        Ok(Json::Object(members)) => Ok(members),
        Ok(_) => Err("not a JSON object".to_owned()),
        Err(error) => Err(format!("not JSON: {error}")),
    }
}

/// A few files at the top of the directory, for a message.
fn files_of(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    let more = names.len().saturating_sub(FILES_NAMED);
    names.truncate(FILES_NAMED);
    if names.is_empty() {
        names.push("nothing".to_owned());
    }
    if more > 0 {
        names.push(format!("and {more} more"));
    }
    names
}
