//! When what happens, drawn from the seed.

use std::time::Duration;

use fastrand::Rng;

use super::super::plan::{self, Flaw, Release, Size};
use super::LEASE;
use super::troupe::WORKERS;

/// Something that happens.
#[derive(Clone, Copy, Debug)]
pub(super) enum Deed {
    Release(Release),
    /// A worker is killed, and another one started in its place.
    Kill {
        worker: usize,
    },
    /// A worker stands still for longer than the lease, until the freeze of this number is over.
    Freeze {
        worker: usize,
        number: usize,
    },
    Thaw {
        number: usize,
    },
}

pub(super) struct Schedule {
    /// Each with when it happens, in order.
    pub(super) deeds: Vec<(Duration, Deed)>,
}

impl Schedule {
    pub(super) fn drawn(size: Size, time: Duration) -> Self {
        let mut rng = Rng::with_seed(size.seed ^ 0x0c4a_0500);
        let mut deeds = Vec::new();
        let mut at = Duration::ZERO;
        let mut number = size.services;
        while at < time {
            let release = Release {
                number,
                service: rng.usize(..size.services),
                flaw: Flaw::drawn(&mut rng),
                test_millis: rng.u64(200..4_000),
            };
            deeds.push((at, Deed::Release(release)));
            number += 1;
            at += Duration::from_millis(rng.u64(1_000..4_000));
        }
        // The first trouble comes when the first releases are under way.
        let mut at = Duration::from_millis(1_500);
        while at < time {
            let worker = rng.usize(..WORKERS);
            if rng.u8(..5) < 3 {
                deeds.push((at, Deed::Kill { worker }));
            } else {
                let longer = Duration::from_millis(rng.u64(1_000..4_000));
                let number = deeds.len();
                deeds.push((at, Deed::Freeze { worker, number }));
                deeds.push((at + LEASE + longer, Deed::Thaw { number }));
            }
            at += Duration::from_millis(rng.u64(2_000..6_000));
        }
        deeds.sort_by_key(|(at, _)| *at);
        Self { deeds }
    }

    /// The releases, as the torture's plan tells them.
    pub(super) fn releases(&self) -> Vec<(Duration, plan::Deed)> {
        let releases = self.deeds.iter().filter_map(|(at, deed)| match deed {
            Deed::Release(release) => Some((*at, plan::Deed::Release(*release))),
            Deed::Kill { .. } | Deed::Freeze { .. } | Deed::Thaw { .. } => None,
        });
        releases.collect()
    }
}
