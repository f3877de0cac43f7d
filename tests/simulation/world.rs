//! One seed, from its beginning to its end.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::future::join_all;

use super::ending;
use super::hosts::Host;
use super::panics;
use super::pipelines::Pipelines;
use super::plan::Plan;
use super::promises::Promises;
use super::time::{MINUTE, Time};
use super::trace::{Told, Trace};
use super::weather::Sky;
use crate::memory::Memory;

/// Everything that a seed is played with.
pub(crate) struct World {
    pub(crate) sky: Arc<Sky>,
    pub(crate) memory: Memory,
    pub(crate) hosts: Vec<Host>,
}

/// Plays a seed, and tells what happened, with so many of the last steps.
pub(crate) fn play(seed: u64, kept: usize) -> Told {
    let trace = Arc::new(Trace::keeping(kept));
    let (_, panics) = panics::watched(|| play_in(Plan::of(seed), Arc::clone(&trace)));
    if let Some(panic) = panics.first() {
        trace.breaks(format!("a panic: {panic}"));
    }
    trace.told()
}

fn play_in(plan: Plan, trace: Arc<Trace>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime can be made");
    runtime.block_on(async {
        let world = World::new(plan, trace);
        tokio::select! {
            biased;
            () = world.sky.trace.is_broken_at_last() => {}
            () = world.plays() => {}
        }
        world.sky.trace.add("simulated minutes", world.sky.time.now() / MINUTE);
    });
}

impl World {
    fn new(plan: Plan, trace: Arc<Trace>) -> Self {
        let memory = Memory::seeded(plan.seed);
        let (review, creating, deleting) = plan.looks;
        memory.stacks.behave(|stacks| (stacks.review, stacks.creating, stacks.deleting) = (review, creating, deleting));
        memory.jobs.behave(|jobs| {
            jobs.offered_for = Duration::from_millis(plan.offered_for);
            jobs.continued_after = Duration::from_millis(plan.continued_after);
            jobs.acknowledges_again = plan.acknowledges_again;
        });
        let promises = Promises::new(&memory);
        let hosts = (0..plan.hosts).map(Host::new).collect();
        let sky = Sky { plan, time: Time::start(), trace, is_fine: false.into(), promises: promises.into() };
        Self { sky: Arc::new(sky), memory, hosts }
    }

    async fn plays(&self) {
        let hosts = join_all(self.hosts.iter().map(|host| host.lives(self)));
        tokio::select! {
            biased;
            _ = hosts => unreachable!("hosts live for ever"),
            () = self.story() => {}
        }
    }

    async fn story(&self) {
        let pipelines = Pipelines::new(self);
        let weather = async {
            join_all(self.sky.plan.mishaps.iter().map(|mishap| async {
                self.sky.time.until(mishap.at).await;
                self.hosts[mishap.host].suffers(&self.sky, mishap.what);
            }))
            .await;
            self.sky.time.until(self.sky.plan.storm).await;
            self.turns_fine();
        };
        tokio::join!(weather, pipelines.run());
        ending::nothing_is_left(self).await;
    }

    /// Nothing breaks any more. Where nobody has crashed yet, the first one does that runs just now.
    fn turns_fine(&self) {
        if self.sky.trace.counted("crashes") == 0 {
            self.hosts.iter().any(Host::dies);
        }
        self.sky.is_fine.store(true, Ordering::Relaxed);
        self.sky.trace.step(self.sky.time.now(), "weather", "turns fine");
    }
}
