//! The stage documents on S3: `stages/{stage}.json`, changed by conditional writes alone.
//!
//! A conflict may stem from our own write, sent twice: the caller reads again and recognises it by `written_by`.

use async_trait::async_trait;

use super::fault;
use super::state_bucket::{Conditional, StateBucket};
use crate::ports::{Etag, Fault, Stages, Stored, Written};
use crate::release::document::{self, DocumentError};
use crate::release::{Stage, StageName};

/// Below this, one object per stage.
const FOLDER: &str = "stages/";
const SUFFIX: &str = ".json";

/// Stage documents in the state bucket.
pub(super) struct StageObjects(pub(super) StateBucket);

fn name_of(stage: &StageName) -> String {
    format!("{FOLDER}{stage}{SUFFIX}")
}

#[async_trait]
impl Stages for StageObjects {
    async fn read(&self, stage: &StageName) -> Result<Option<Stored>, Fault> {
        let doing = format!("read the document of stage {stage}");
        let Some(found) = self.0.read(&name_of(stage), &doing).await? else {
            return Ok(None);
        };
        let Some(etag) = found.etag else {
            let detail = "the answer has no ETag, so it could never be replaced safely";
            return Err(fault::unavailable(doing, detail.to_owned()));
        };
        let stage = document::parse(stage, &found.bytes).map_err(|bad| match bad {
            DocumentError::Newer { .. } | DocumentError::Unknown(_) => {
                Fault::Outdated { doing, detail: bad.to_string() }
            }
            DocumentError::Malformed(_) | DocumentError::OtherStage { .. } => fault::rejected(doing, bad.to_string()),
        })?;
        let etag = Etag(etag);
        Ok(Some(Stored { stage, etag }))
    }

    async fn write(&self, stage: &Stage, after: Option<&Etag>) -> Result<Written, Fault> {
        let doing = format!("write the document of stage {}", stage.name);
        let written = self.0.write_if(&name_of(&stage.name), document::render(stage), (after, &doing)).await?;
        Ok(match written {
            Conditional::Written(_) => Written::Yes,
            Conditional::Conflict => Written::Conflict,
        })
    }

    async fn names(&self) -> Result<Vec<StageName>, Fault> {
        let found = self.0.list(FOLDER, &format!("list the stages in {}", self.0.location)).await?;
        Ok(found.into_iter().filter_map(|(name, _)| stage_of(&name)).collect())
    }

    fn place(&self) -> String {
        self.0.location.to_string()
    }
}

/// The stage whose document has this name. Whatever else lies in the folder is none of ours.
fn stage_of(name: &str) -> Option<StageName> {
    name.strip_suffix(SUFFIX)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_stage_documents_name_a_stage() {
        let stage = |name| stage_of(name).map(String::from);
        assert_eq!(stage("test.json").as_deref(), Some("test"));
        for other in ["", "test", "old/test.json", ".json"] {
            assert_eq!(stage(other), None, "{other}");
        }
    }
}
