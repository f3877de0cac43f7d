//! The journal on S3: `journal/{page}.json`, changed by conditional writes alone.

use std::collections::BTreeSet;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::fault;
use super::state_bucket::{Conditional, StateBucket};
use crate::ports::{Etag, Fault, JobId, Journal, Page, PageId};

/// Below this, one object per page.
const FOLDER: &str = "journal/";
const SUFFIX: &str = ".json";

/// The form of pages that this program reads and writes.
const SCHEMA: u32 = 1;

/// Pages in the state bucket.
pub(super) struct JournalObjects(pub(super) StateBucket);

/// A page as it is stored.
#[derive(Serialize, Deserialize)]
struct StoredPage {
    worker: String,
    beat: u64,
    jobs: BTreeSet<String>,
}

/// What must be known of a page before the rest of it is read.
#[derive(Serialize, Deserialize)]
struct Schema {
    schema: u32,
}

#[derive(Serialize)]
struct Whole {
    #[serde(flatten)]
    schema: Schema,
    #[serde(flatten)]
    page: StoredPage,
}

fn name_of(id: &PageId) -> String {
    format!("{FOLDER}{id}{SUFFIX}")
}

#[async_trait]
impl Journal for JournalObjects {
    async fn pages(&self) -> Result<Vec<(PageId, Etag)>, Fault> {
        let found = self.0.list(FOLDER, "list the pages of the journal").await?;
        let page = |(name, etag): (String, Option<Etag>)| {
            let id = name.strip_suffix(SUFFIX)?;
            Some((PageId(id.to_owned()), etag?))
        };
        Ok(found.into_iter().filter_map(page).collect())
    }

    async fn read(&self, id: &PageId) -> Result<Option<(Page, Etag)>, Fault> {
        let doing = format!("read page {id} of the journal");
        let Some(found) = self.0.read(&name_of(id), &doing).await? else {
            return Ok(None);
        };
        let Some(etag) = found.etag else {
            return Err(fault::unavailable(doing, "the answer has no ETag".to_owned()));
        };
        let page = parse(&found.bytes, doing)?;
        Ok(Some((page, Etag(etag))))
    }

    async fn write(&self, id: &PageId, page: &Page, after: Option<&Etag>) -> Result<Option<Etag>, Fault> {
        let doing = format!("write page {id} of the journal");
        let bytes = render(page).map_err(|bad| fault::rejected(doing.clone(), bad.to_string()))?;
        match self.0.write_if(&name_of(id), bytes, (after, &doing)).await? {
            Conditional::Conflict => Ok(None),
            Conditional::Written(Some(etag)) => Ok(Some(etag)),
            Conditional::Written(None) => Err(fault::unavailable(doing, "the answer has no ETag".to_owned())),
        }
    }

    async fn remove(&self, id: &PageId) -> Result<(), Fault> {
        self.0.remove(&name_of(id), &format!("remove page {id} of the journal")).await
    }
}

fn render(page: &Page) -> serde_json::Result<Vec<u8>> {
    let Page { worker, beat, jobs } = page.clone();
    let page = StoredPage { worker, beat, jobs: jobs.into_iter().map(|JobId(id)| id).collect() };
    serde_json::to_vec(&Whole { schema: Schema { schema: SCHEMA }, page })
}

fn parse(bytes: &[u8], doing: String) -> Result<Page, Fault> {
    let Schema { schema } = serde_json::from_slice(bytes).map_err(|bad| no_page(&doing, &bad))?;
    if schema > SCHEMA {
        let detail = format!("its schema is {schema}, and this worker reads up to {SCHEMA}: it is left to a newer one");
        return Err(Fault::Outdated { doing, detail });
    }
    let StoredPage { worker, beat, jobs } = serde_json::from_slice(bytes).map_err(|bad| no_page(&doing, &bad))?;
    Ok(Page { worker, beat, jobs: jobs.into_iter().map(JobId).collect() })
}

fn no_page(doing: &str, bad: &serde_json::Error) -> Fault {
    fault::rejected(doing.to_owned(), format!("it is not a page of the journal: {bad}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_as_it_was_written() {
        let jobs = ["j-2", "j-1"].map(|id| JobId(id.to_owned())).into();
        let page = Page { worker: "w-1".to_owned(), beat: 7, jobs };
        assert_eq!(parse(&render(&page).unwrap(), "read it".to_owned()).unwrap(), page);
    }

    #[test]
    fn a_page_of_a_newer_program_is_left_to_it() {
        let refused = |bytes: &[u8]| parse(bytes, "read it".to_owned()).unwrap_err();
        assert!(matches!(refused(br#"{"schema": 2, "anything": "else"}"#), Fault::Outdated { .. }));
        assert!(matches!(refused(b"[]"), Fault::Rejected { .. }));
    }
}
