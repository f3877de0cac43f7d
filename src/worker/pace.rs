//! How long to wait between two rounds of polling. Pure.

use std::time::Duration;

/// The bounds of the pause between two rounds of polling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pacing {
    /// The pause while there is work.
    pub busy: Duration,
    /// The pause to which it grows while there is none.
    pub idle: Duration,
}

/// The pause grows by this when a round brought nothing: from one second to ten in six quiet rounds.
const CALMER: f64 = 1.5;

/// The pause grows by this, beyond idle, when CodePipeline does not answer or throttles.
const BACK_OFF: u32 = 2;

/// The longest pause after faults: short enough to notice soon that CodePipeline is back.
const LONGEST: Duration = Duration::from_secs(60);

/// What a round of polling brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Round {
    /// As many jobs as were asked for: there may be more.
    Full,
    /// Some jobs, or jobs are held whose continuations will come.
    Busy,
    /// Nothing.
    Quiet,
    /// No answer.
    Faulty,
}

/// The present pause.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pacing: Pacing,
    pause: Duration,
}

impl Pace {
    pub(super) fn new(pacing: Pacing) -> Self {
        Self { pacing, pause: pacing.busy }
    }

    /// The pause after a round.
    pub(super) fn after(&mut self, round: Round) -> Duration {
        self.pause = match round {
            Round::Full => {
                self.pause = self.pacing.busy;
                return Duration::ZERO;
            }
            Round::Busy => self.pacing.busy,
            Round::Quiet => self.pause.mul_f64(CALMER).clamp(self.pacing.busy, self.pacing.idle),
            Round::Faulty => (self.pause * BACK_OFF).max(self.pacing.busy).min(LONGEST),
        };
        self.pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACING: Pacing = Pacing { busy: Duration::from_secs(1), idle: Duration::from_secs(10) };

    #[test]
    fn it_asks_again_at_once_after_a_full_batch() {
        let mut pace = Pace::new(PACING);
        pace.after(Round::Quiet);
        assert_eq!(pace.after(Round::Full), Duration::ZERO);
        assert_eq!(pace.after(Round::Busy), PACING.busy);
    }

    #[test]
    fn it_slows_down_to_idle_and_no_further() {
        let mut pace = Pace::new(PACING);
        let pauses: Vec<_> = (0..10).map(|_| pace.after(Round::Quiet)).collect();
        assert!(pauses.windows(2).all(|two| two[0] <= two[1]), "{pauses:?}");
        assert_eq!(pauses[9], PACING.idle);
    }

    #[test]
    fn it_backs_off_beyond_idle_when_codepipeline_does_not_answer() {
        let mut pace = Pace::new(PACING);
        let last = (0..10).map(|_| pace.after(Round::Faulty)).last();
        assert_eq!(last, Some(LONGEST));
        assert_eq!(pace.after(Round::Busy), PACING.busy);
    }
}
