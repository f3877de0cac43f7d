//! How long the jobs of killed workers stood still.
//!
//! Counted from the SIGKILL, once for each kill and each job that the killed worker was the last to have: until another
//! worker reads the job to go on with it, and until CodePipeline takes a verdict of it, which is the next thing that a
//! pipeline's user sees. Where that other worker is killed meanwhile, too, the time goes on.

use std::fmt;
use std::time::Duration;

use super::ledger::{JobSeen, Seen, since};
use super::troupe::Kill;

#[derive(Default)]
pub(super) struct Recoveries {
    taken_over: Vec<Duration>,
    answered: Vec<Duration>,
    /// Jobs whose verdict the killed worker had sent: nobody missed it.
    settled: usize,
    /// Jobs of which nobody ever heard again.
    lost: usize,
}

impl Recoveries {
    pub(super) fn note(&mut self, kill: &Kill, job: &JobSeen) {
        let before = job.held.iter().filter(|seen| seen.asked <= kill.at);
        let was_its = before.max_by_key(|seen| seen.asked).is_some_and(|seen| seen.is_by(kill));
        if !was_its || job.verdicts.iter().any(|seen| seen.done <= kill.at) {
            return;
        }
        let first = |seen: &[Seen]| seen.iter().filter(|seen| !seen.is_by(kill)).min_by_key(|seen| seen.done).copied();
        if job.verdicts.iter().any(|seen| seen.is_by(kill)) {
            self.settled += 1;
            return;
        }
        let after: Vec<Seen> = job.held.iter().filter(|seen| seen.asked > kill.at).copied().collect();
        self.taken_over.extend(since(kill, first(&after).as_ref()));
        match since(kill, first(&job.verdicts).as_ref()) {
            Some(time) => self.answered.push(time),
            None => self.lost += 1,
        }
    }
}

impl fmt::Display for Recoveries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { taken_over, answered, settled, lost } = self;
        write!(f, "{} jobs stood still when their worker was killed", answered.len() + lost)?;
        write!(f, "; from the kill until another one took them over: {}", Spread(taken_over))?;
        write!(f, "; until their next verdict: {}", Spread(answered))?;
        write!(f, "; {lost} never went on, {settled} had their verdict under way")
    }
}

/// Median and worst.
struct Spread<'a>(&'a [Duration]);

impl fmt::Display for Spread<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut times = self.0.to_vec();
        times.sort();
        match (times.get(times.len() / 2), times.last()) {
            (Some(median), Some(worst)) => {
                write!(f, "median {:.1} s, worst {:.1} s", median.as_secs_f64(), worst.as_secs_f64())
            }
            _ => f.write_str("there were none"),
        }
    }
}
