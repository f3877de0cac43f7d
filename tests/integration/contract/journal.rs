//! The journal: pages changed by conditional writes alone, and seen by everyone as they move.

use aws_config::SdkConfig;
use bluestage::ports::{Etag, JobId, Page, PageId};

use super::adapters;

fn page(worker: &str, beat: u64) -> Page {
    let jobs = ["j-1", "j-2"].map(|id| JobId(id.to_owned()));
    Page { worker: worker.to_owned(), beat, jobs: jobs.into() }
}

pub(crate) async fn a_page_is_seen_to_move(sdk: &SdkConfig) {
    let journal = adapters(sdk).await.journal;
    let id = PageId("w-1".to_owned());
    assert!(journal.pages().await.unwrap().is_empty());
    assert!(journal.read(&id).await.unwrap().is_none());
    let first = journal.write(&id, &page("w", 1), None).await.unwrap().unwrap();
    assert_eq!(journal.pages().await.unwrap(), [(id.clone(), first.clone())]);
    assert_eq!(journal.read(&id).await.unwrap(), Some((page("w", 1), first.clone())));
    let second = journal.write(&id, &page("w", 2), Some(&first)).await.unwrap().unwrap();
    assert_ne!(first, second);
    assert_eq!(journal.pages().await.unwrap(), [(id.clone(), second)]);
    journal.remove(&id).await.unwrap();
    journal.remove(&id).await.unwrap();
    assert!(journal.pages().await.unwrap().is_empty());
}

pub(crate) async fn a_page_is_taken_over_by_one(sdk: &SdkConfig) {
    let journal = adapters(sdk).await.journal;
    let id = PageId("w-1".to_owned());
    let etag = journal.write(&id, &page("w", 1), None).await.unwrap().unwrap();
    let write = async |worker: &str, after: Option<&Etag>| journal.write(&id, &page(worker, 2), after).await.unwrap();
    assert!(write("a", None).await.is_none(), "it is there already");
    assert!(write("a", Some(&etag)).await.is_some());
    assert!(write("b", Some(&etag)).await.is_none());
    assert!(write("w", Some(&etag)).await.is_none(), "its own worker was too slow");
    journal.remove(&id).await.unwrap();
    assert!(write("w", Some(&etag)).await.is_none(), "what was removed does not come back");
}
