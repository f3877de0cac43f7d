//! The journal in memory: pages changed by conditional writes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bluestage::ports::{Etag, Fault, Journal, Page, PageId};

use super::line::{Landed, Line};

#[derive(Default)]
struct Pages {
    pages: BTreeMap<PageId, (Page, Etag)>,
    /// Every page that ever was, to see that no name is used again.
    removed: Vec<PageId>,
    writes: u64,
    /// Whether a page's worker writes on it just before somebody next reads it.
    moves: bool,
    news: Vec<Turned>,
}

/// A write of a page.
#[derive(Clone, Debug)]
pub(crate) struct Turned {
    pub(crate) id: PageId,
    pub(crate) by: String,
    /// Whose it was before.
    pub(crate) from: Option<String>,
}

/// Pages in memory.
pub(crate) struct MemoryJournal {
    line: Arc<Line>,
    pages: Arc<Mutex<Pages>>,
}

impl MemoryJournal {
    pub(crate) fn new(line: Arc<Line>) -> Self {
        Self { line, pages: Arc::default() }
    }

    /// The same over another line.
    pub(crate) fn over(&self, line: Arc<Line>) -> Self {
        Self { line, pages: Arc::clone(&self.pages) }
    }

    /// The writes after the first `known` ones.
    pub(crate) fn news_since(&self, known: usize) -> Vec<Turned> {
        self.pages.lock().unwrap().news[known..].to_vec()
    }

    /// Just before somebody next reads a page, its worker writes on it.
    pub(crate) fn moves_before_it_is_read(&self) {
        self.pages.lock().unwrap().moves = true;
    }

    /// Every page as it is.
    pub(crate) fn now(&self) -> Vec<Page> {
        self.pages.lock().unwrap().pages.values().map(|(page, _)| page.clone()).collect()
    }
}

#[async_trait]
impl Journal for MemoryJournal {
    async fn pages(&self) -> Result<Vec<(PageId, Etag)>, Fault> {
        let effect = || {
            let pages = self.pages.lock().unwrap();
            Ok(pages.pages.iter().map(|(id, (_, etag))| (id.clone(), etag.clone())).collect())
        };
        self.line.call("journal.pages".to_owned(), effect).await
    }

    async fn read(&self, id: &PageId) -> Result<Option<(Page, Etag)>, Fault> {
        let effect = || {
            let mut pages = self.pages.lock().unwrap();
            if std::mem::take(&mut pages.moves) {
                pages.writes += 1;
                let moved = Etag(format!("\"{}\"", pages.writes));
                pages.pages.get_mut(id).expect("the page is there").1 = moved;
            }
            Ok(pages.pages.get(id).cloned())
        };
        self.line.call(format!("journal.read {id}"), effect).await
    }

    async fn write(&self, id: &PageId, page: &Page, after: Option<&Etag>) -> Result<Option<Etag>, Fault> {
        let effect = || {
            let mut pages = self.pages.lock().unwrap();
            let conflict = self.line.conflict();
            if pages.pages.get(id).map(|(_, etag)| etag) != after || conflict == Some(Landed::No) {
                return Ok(None);
            }
            assert!(!pages.removed.contains(id), "page {id} is used again");
            pages.writes += 1;
            let etag = Etag(format!("\"{}\"", pages.writes));
            let before = pages.pages.insert(id.clone(), (page.clone(), etag.clone()));
            pages.news.push(Turned {
                id: id.clone(),
                by: page.worker.clone(),
                from: before.map(|(page, _)| page.worker),
            });
            Ok(conflict.is_none().then_some(etag))
        };
        self.line.call(format!("journal.write {id}"), effect).await
    }

    async fn remove(&self, id: &PageId) -> Result<(), Fault> {
        let effect = || {
            let mut pages = self.pages.lock().unwrap();
            pages.pages.remove(id);
            pages.removed.push(id.clone());
            Ok(())
        };
        self.line.call(format!("journal.remove {id}"), effect).await
    }
}
