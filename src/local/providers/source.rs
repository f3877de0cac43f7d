//! The S3 source: copies an object into the artifact store.

use std::collections::BTreeMap;

use super::{configured, unreadable};
use crate::local::Local;
use crate::local::engine::{Errand, Failed, Finished};
use crate::local::objects::ObjectKey;

pub(super) async fn copy(local: &Local, errand: &Errand) -> Result<Finished, Failed> {
    let wanted = |kind: &str| {
        let mut all = errand.overrides.iter();
        all.find(|wanted| wanted.revision_type == kind).map(|wanted| wanted.revision_value.clone())
    };
    let part = |name: &str| configured(errand, name).unwrap_or_default().to_owned();
    let from =
        ObjectKey { bucket: part("S3Bucket"), key: wanted("S3_OBJECT_KEY").unwrap_or_else(|| part("S3ObjectKey")) };
    let version = wanted("S3_OBJECT_VERSION_ID");
    let object = local.objects().read(&from, version.as_deref()).await.map_err(|e| unreadable("read", &from, &e))?;
    store(local, errand, object.bytes).await?;
    let id = object.revision.id().to_owned();
    let variables = [
        ("BucketName", Some(from.bucket)),
        ("ObjectKey", Some(from.key)),
        ("ETag", Some(object.revision.etag)),
        ("VersionId", object.revision.version_id),
    ];
    let variables = variables.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Ok(Finished {
        revision: Some((id.clone(), format!("Amazon S3 version id: {id}"))),
        variables: variables.collect::<BTreeMap<_, _>>(),
        summary: None,
    })
}

/// Writes the errand's output artifact; its action type demands that there is exactly one.
pub(super) async fn store(local: &Local, errand: &Errand, bytes: Vec<u8>) -> Result<(), Failed> {
    for output in &errand.outputs {
        let written = local.objects().write(&output.object, bytes.clone(), errand.kms_key.as_deref()).await;
        written.map_err(|e| unreadable("written to the artifact store", &output.object, &e))?;
    }
    Ok(())
}
