//! Many who change one stage document at once.

use std::ops::Range;
use std::time::{Duration, Instant};

use bluestage::actions::switch_back;
use bluestage::ports::Ports;
use futures::future::join_all;

use super::large_stage::large_stage;
use super::outside::{bluestage, ports, put_stage};
use super::switching::request;
use super::table::{Part, Row};
use super::usage::{median_and_p99, millis, quantile};
use super::world::{Options, World};

const SERVICES: usize = 200;
const SECONDS: Duration = Duration::from_secs(6);

/// How many changes wait at once, and in how many writes of each worker they are to be stored.
const AT_ONCE: usize = 100;
const MOST_WRITES: u64 = 5;

/// Ten workers, and how many changes wait in each of them.
const WORKERS: usize = 10;
const EACH: usize = SERVICES / WORKERS;

/// How often that is measured.
const ROUNDS: usize = 10;

pub(crate) async fn measure() -> Part {
    let world = World::start(&bluestage(), Options::default()).await;
    put_stage(&world, &large_stage(SERVICES)).await;
    let mut part = Part::new("contention", "Contention for one document");
    let mut alone: Option<f64> = None;
    for writers in [1, 10, 100] {
        let Race { rate, took, fewest } = race(&world, writers).await;
        let what = format!("{writers} processes that change the stage without a pause: changes a second");
        let row = Row::new(what, format!("{rate:.0}; each took {}", median_and_p99(&took)));
        let row = match alone {
            None => row,
            Some(alone) => row.beside(format!("{alone:.0} by one"), rate / alone),
        };
        part.add(row.goal("everyone makes some", fewest > 0));
        alone = alone.or(Some(rate));
    }
    part.add(one_worker(&world).await);
    part.add(ten_workers(&world).await);
    part
}

struct Race {
    /// Changes a second, of all.
    rate: f64,
    took: Vec<Duration>,
    /// How many the slowest made.
    fewest: usize,
}

/// Processes of one change after the other, each for a service of its own.
async fn race(world: &World, writers: usize) -> Race {
    let began = Instant::now();
    let racing = (0..writers).map(|number| {
        let ports = ports(&world.aws_url);
        tokio::spawn(async move {
            let mut took = Vec::new();
            while began.elapsed() < SECONDS {
                let since = Instant::now();
                switch_back(&ports, &request(number)).await.unwrap();
                took.push(since.elapsed());
            }
            took
        })
    });
    let racing: Vec<_> = racing.collect();
    let mut each = Vec::new();
    for one in racing {
        each.push(one.await.unwrap());
    }
    let elapsed = began.elapsed().as_secs_f64();
    let fewest = each.iter().map(Vec::len).min().unwrap_or_default();
    let took = each.concat();
    Race { rate: took.len() as f64 / elapsed, took, fewest }
}

/// All the changes of one worker, at once.
async fn at_once(ports: &Ports, services: Range<usize>) -> Vec<Duration> {
    let changes = services.map(|number| async move {
        let since = Instant::now();
        switch_back(ports, &request(number)).await.unwrap();
        since.elapsed()
    });
    join_all(changes).await
}

async fn one_worker(world: &World) -> Row {
    let ports = ports(&world.aws_url);
    let (mut most, mut took) = (0, Vec::new());
    for _ in 0..ROUNDS {
        let before = world.stage().await.seq;
        took.extend(at_once(&ports, 0..AT_ONCE).await);
        most = most.max(world.stage().await.seq - before);
    }
    Row::new(
        format!("{AT_ONCE} changes at once in one worker: writes, the most of {ROUNDS} rounds"),
        format!("{most}; each took {}", median_and_p99(&took)),
    )
    .beside(format!("{AT_ONCE} one by one"), most as f64 / AT_ONCE as f64)
    .goal(format!("at most {MOST_WRITES}"), most <= MOST_WRITES)
}

/// Ten workers at once, each with changes of services of its own.
async fn ten_workers(world: &World) -> Row {
    let workers: Vec<Ports> = (0..WORKERS).map(|_| ports(&world.aws_url)).collect();
    let before = world.stage().await.seq;
    let racing = workers.iter().enumerate().map(|(place, ports)| at_once(ports, place * EACH..(place + 1) * EACH));
    let took: Vec<Duration> = join_all(racing).await.concat();
    let writes = world.stage().await.seq - before;
    let (slowest, most) = (quantile(&took, 1.0), WORKERS as u64 * MOST_WRITES);
    Row::new(
        format!("{WORKERS} workers with {EACH} changes each at once: writes in all"),
        format!("{writes}; each change took {}, the slowest {}", median_and_p99(&took), millis(slowest)),
    )
    .beside(format!("{SERVICES} one by one"), writes as f64 / SERVICES as f64)
    .goal(format!("at most {most}, and none above 10 s"), writes <= most && slowest < Duration::from_secs(10))
}
