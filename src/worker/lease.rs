//! How long each page of the journal has not moved, by this worker's own monotonic clock. Pure.
//!
//! Two machines never agree on the time of day, so no page says when it was written. A worker that watches others counts
//! only the time in which it has really watched: not the time in which it could not see the journal, and not that in
//! which it was itself paused.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::ports::{Etag, PageId};

/// The pages that are watched.
pub(super) struct Lease {
    /// After this long without a move the jobs on a page are free to be taken over.
    length: Duration,
    /// No more than this counts between two looks.
    longest_gap: Duration,
    last_look: Option<Duration>,
    watched: BTreeMap<PageId, Watched>,
}

struct Watched {
    etag: Etag,
    unmoved: Duration,
}

impl Lease {
    pub(super) fn new(length: Duration, look_every: Duration) -> Self {
        Self { length, longest_gap: look_every * 2, last_look: None, watched: BTreeMap::new() }
    }

    /// The journal could not be seen: what happened meanwhile is not known, so the watch begins anew.
    pub(super) fn is_blind(&mut self) {
        self.watched.clear();
        self.last_look = None;
    }

    /// The journal holds these pages at this time. Tells those whose lease is over, in the state that did not move.
    pub(super) fn look(&mut self, pages: Vec<(PageId, Etag)>, now: Duration) -> Vec<(PageId, Etag)> {
        let gap = self.last_look.map_or(Duration::ZERO, |last| now.saturating_sub(last)).min(self.longest_gap);
        self.last_look = Some(now);
        let mut before = std::mem::take(&mut self.watched);
        let mut over = Vec::new();
        for (id, etag) in pages {
            let unmoved = match before.remove(&id) {
                Some(watched) if watched.etag == etag => watched.unmoved + gap,
                _ => Duration::ZERO,
            };
            if unmoved >= self.length {
                over.push((id.clone(), etag.clone()));
            }
            self.watched.insert(id, Watched { etag, unmoved });
        }
        over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: Duration = Duration::from_secs(30);
    const LOOK: Duration = Duration::from_secs(5);

    fn page(name: &str, etag: u64) -> (PageId, Etag) {
        (PageId(name.to_owned()), Etag(etag.to_string()))
    }

    /// Looks at a page that does not move, at these seconds; tells at which its lease was over.
    fn overdue_at(lease: &mut Lease, seconds: impl IntoIterator<Item = u64>) -> Vec<u64> {
        let over = |at: &u64| !lease.look(vec![page("a", 1)], Duration::from_secs(*at)).is_empty();
        seconds.into_iter().filter(over).collect()
    }

    #[test]
    fn a_page_that_does_not_move_is_over_after_the_lease() {
        let mut lease = Lease::new(LENGTH, LOOK);
        assert_eq!(overdue_at(&mut lease, (100..=140).step_by(5)), [130, 135, 140]);
    }

    #[test]
    fn a_page_that_moves_is_never_over() {
        let mut lease = Lease::new(LENGTH, LOOK);
        for at in 0..100 {
            let moved = at / 5; // It moves in every fifth look.
            assert!(lease.look(vec![page("a", moved)], LOOK * u32::try_from(at).unwrap()).is_empty());
        }
    }

    #[test]
    fn time_in_which_the_journal_could_not_be_seen_does_not_count() {
        let mut lease = Lease::new(LENGTH, LOOK);
        assert!(overdue_at(&mut lease, [0, 5, 10, 15, 20, 25]).is_empty());
        lease.is_blind();
        assert_eq!(overdue_at(&mut lease, (60..=95).step_by(5)), [90, 95]);
    }

    #[test]
    fn time_in_which_the_watcher_was_paused_does_not_count() {
        let mut lease = Lease::new(LENGTH, LOOK);
        assert!(overdue_at(&mut lease, [0, 5, 3_600]).is_empty());
        assert_eq!(overdue_at(&mut lease, [3_605, 3_610, 3_615, 3_620]), [3_615, 3_620]);
    }

    #[test]
    fn each_page_has_its_own_time() {
        let mut lease = Lease::new(LENGTH, LOOK);
        lease.look(vec![page("a", 1)], Duration::ZERO);
        for at in (5..30).step_by(5) {
            assert!(lease.look(vec![page("a", 1), page("b", 1)], Duration::from_secs(at)).is_empty());
        }
        let over = lease.look(vec![page("a", 1), page("b", 1)], Duration::from_secs(30));
        assert_eq!(over, [page("a", 1)]);
    }
}
