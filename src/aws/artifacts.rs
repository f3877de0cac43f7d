//! Artifacts in the pipeline's bucket, read and written as the job and not as the worker.
//!
//! A job brings credentials that reach its artifacts and nothing else, and that live for about 15 minutes. When they
//! have expired, `GetJobDetails` gives fresh ones (CodePipeline API reference, `GetJobDetails`).

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::IdentityCache;
use secrecy::ExposeSecret;

use super::S3_OWN_KEY;
use super::clients::s3_config;
use super::download::download;
use super::fault;
use super::files::{Access, Missed, Place, Renew};
use super::upload::{Target, upload};
use crate::archive::{self, Refused};
use crate::ports::{Artifact, ArtifactFault, Artifacts, Credentials, Fault, Job, Jobs};

/// From this size on, an upload begins with fresh credentials. S3 refuses expired ones at the start and hangs up; whoever
/// is still sending then hears of a broken connection and not of the reason. Smaller ones are sent before that.
const LONG_UPLOAD: u64 = 8 << 20;

/// Artifacts on S3.
pub(super) struct ArtifactObjects {
    sdk: SdkConfig,
    jobs: Arc<dyn Jobs>,
}

impl ArtifactObjects {
    /// Artifacts, with `jobs` to ask for fresh credentials.
    pub(super) fn new(sdk: SdkConfig, jobs: Arc<dyn Jobs>) -> Self {
        Self { sdk, jobs }
    }

    /// A client that acts as the job; as the worker where a job brings no credentials.
    fn client(&self, credentials: Option<&Credentials>) -> Client {
        let config = s3_config(&self.sdk);
        let Some(credentials) = credentials else {
            return Client::from_conf(config.build());
        };
        let secret = aws_sdk_s3::config::Credentials::new(
            credentials.access_key_id.expose_secret(),
            credentials.secret_access_key.expose_secret(),
            credentials.session_token.as_ref().map(|token| token.expose_secret().to_owned()),
            None,
            "CodePipeline job",
        );
        // The worker's identity cache is shared by all clients and would remember every job's identity.
        let config = config.credentials_provider(secret).identity_cache(IdentityCache::no_cache());
        Client::from_conf(config.build())
    }

    async fn download(&self, job: &Job, artifact: &Artifact, to: &Path) -> Result<(), Missed> {
        let renewal = Renewal { artifacts: self, job };
        let access = Access::expiring(self.client(job.credentials.as_ref()), &renewal);
        download(&access, place_of(artifact), to, &format!("fetch artifact {}", artifact.name)).await
    }
}

/// Fresh credentials of a job.
struct Renewal<'a> {
    artifacts: &'a ArtifactObjects,
    job: &'a Job,
}

#[async_trait]
impl Renew for Renewal<'_> {
    async fn renewed(&self) -> Result<Client, Missed> {
        let fresh = self.artifacts.jobs.credentials(&self.job.id).await;
        let fresh = fresh.map_err(Missed::Fault)?;
        Ok(self.artifacts.client(fresh.as_ref()))
    }
}

#[async_trait]
impl Artifacts for ArtifactObjects {
    async fn unpack(&self, job: &Job, artifact: &Artifact, into: &Path) -> Result<(), ArtifactFault> {
        let no_room = |error: std::io::Error| {
            fault::unavailable(format!("make room for artifact {}", artifact.name), error.to_string())
        };
        let home = scratch(into).map_err(no_room)?;
        let archive = home.path().join("artifact");
        self.download(job, artifact, &archive).await.map_err(|missed| why(artifact, missed))?;
        let unpacking = tokio::task::spawn_blocking(move || {
            let content = home.path().join("content");
            let unpacked = archive::unpack(&archive, &content);
            // Whoever waited may be gone: then all of it goes with `home`, and nothing else was written to.
            unpacked.map(|()| (home, content))
        });
        match unpacking.await {
            Ok(Ok((_home, content))) => std::fs::rename(content, into).map_err(|error| no_room(error).into()),
            Ok(Err(refused)) => Err(not_unpacked(artifact, refused)),
            Err(ended) => Err(ended_early(artifact, ended).into()),
        }
    }

    async fn upload(&self, job: &Job, artifact: &Artifact, from: &Path) -> Result<(), ArtifactFault> {
        let doing = format!("store artifact {}", artifact.name);
        // Artifact buckets may refuse anything that is not encrypted with KMS; without a key id, the account's own key
        // for S3 it is (CodePipeline user guide, "Create and add a custom action", step on uploading).
        let key = job.encryption_key.as_deref().unwrap_or(S3_OWN_KEY);
        let to = Target { place: place_of(artifact), kms_key: Some(key) };
        let renewal = Renewal { artifacts: self, job };
        // A file that cannot be measured cannot be sent either, and that says why.
        let is_long = tokio::fs::metadata(from).await.is_ok_and(|file| file.len() >= LONG_UPLOAD);
        let expiring = job.credentials.is_some();
        let s3 = if is_long && expiring { renewal.renewed().await } else { Ok(self.client(job.credentials.as_ref())) };
        let access = Access::expiring(s3.map_err(|missed| why(artifact, missed))?, &renewal);
        let stored = upload(&access, to, from, &doing).await;
        stored.map_err(|missed| why(artifact, missed))
    }
}

fn place_of(artifact: &Artifact) -> Place<'_> {
    Place { bucket: &artifact.bucket, key: &artifact.key }
}

/// A directory on the disk of `into` that ends by itself. Not in the directory that holds `into`: its owner may delete
/// that while a thread still unpacks, and would find it never empty.
fn scratch(into: &Path) -> std::io::Result<tempfile::TempDir> {
    match into.parent().and_then(Path::parent) {
        Some(outside) => tempfile::TempDir::new_in(outside),
        None => tempfile::TempDir::new(),
    }
}

/// The unpacking panicked, or the worker is ending: the first is a bug and goes on as one.
fn ended_early(artifact: &Artifact, ended: tokio::task::JoinError) -> Fault {
    match ended.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => fault::unavailable(format!("unpack artifact {}", artifact.name), "the worker is stopping".to_owned()),
    }
}

fn not_unpacked(artifact: &Artifact, refused: Refused) -> ArtifactFault {
    match refused {
        Refused::Archive(why) => ArtifactFault::Refused { name: artifact.name.clone(), why },
        Refused::Disk(_) => {
            let doing = format!("unpack artifact {}", artifact.name);
            fault::unavailable(doing, refused.to_string()).into()
        }
    }
}

fn why(artifact: &Artifact, missed: Missed) -> ArtifactFault {
    let name = artifact.name.clone();
    match missed {
        Missed::Gone(code) => {
            ArtifactFault::Gone { name, detail: format!("s3://{}/{}: {code}", artifact.bucket, artifact.key) }
        }
        Missed::TooLarge => ArtifactFault::Refused { name, why: "it is larger than 1 GiB".to_owned() },
        Missed::Expired(fault) | Missed::BrokeOff(fault) | Missed::Fault(fault) => fault.into(),
    }
}
