//! Prints a story: when, who, which version, what; one line each, aligned.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant, SystemTime};

use bluestage::release::VersionRef;

/// Prints what happens, with the seconds since the story began.
pub(crate) struct Teller {
    began: Instant,
    began_at: SystemTime,
    colour: bool,
}

/// How a line looks on a terminal.
#[derive(Clone, Copy)]
pub(crate) enum Look {
    Plain,
    Heading,
    Faint,
    Good,
    Bad,
}

impl Look {
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "0",
            Self::Heading => "1",
            Self::Faint => "2",
            Self::Good => "32",
            Self::Bad => "31",
        }
    }
}

impl Teller {
    /// The story begins now. Colour only where a person looks who has not declined it (<https://no-color.org>).
    #[expect(clippy::disallowed_methods, reason = "this is not the product: it may look at the clock and NO_COLOR")]
    pub(crate) fn start() -> Self {
        let declined = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            began: Instant::now(),
            began_at: SystemTime::now(),
            colour: std::io::stdout().is_terminal() && !declined,
        }
    }

    /// How long the story has gone on.
    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// A time of day as seconds of this story.
    pub(crate) fn second_of(&self, time: SystemTime) -> f64 {
        time.duration_since(self.began_at).map_or(0.0, |since| since.as_secs_f64())
    }

    /// A new chapter.
    pub(crate) fn chapter(&self, text: &str) {
        self.line(&format!("\n{}", self.painted(text, Look::Heading)));
    }

    /// What somebody does who is no version: a person, CodePipeline.
    pub(crate) fn says(&self, who: &str, what: &str) {
        self.entry((who, ""), what, Look::Plain);
    }

    /// What happens to a version.
    pub(crate) fn tells(&self, of: &VersionRef, what: &str, look: Look) {
        self.entry((of.service.as_str(), of.version.as_str()), what, look);
    }

    /// Something that a program said or a table shows, word for word.
    pub(crate) fn quotes(&self, text: &str) {
        for line in text.trim_end().lines() {
            self.line(&format!("           {}", self.painted(&format!("| {}", line.trim_end()), Look::Faint)));
        }
    }

    /// Text as it is.
    pub(crate) fn shows(&self, text: &str) {
        self.line(text.trim_end());
    }

    /// Whether something was as it should be.
    pub(crate) fn checks(&self, ok: bool, what: &str) {
        let mark = if ok { self.painted("    ok", Look::Good) } else { self.painted("not ok", Look::Bad) };
        self.line(&format!("  {mark}  {what}"));
    }

    fn entry(&self, (who, version): (&str, &str), what: &str, look: Look) {
        let second = format!("{:>6.1} s", self.elapsed().as_secs_f64());
        let what = self.painted(what, look);
        self.line(&format!("{}  {who:<9} {version:<11}  {what}", self.painted(&second, Look::Faint)));
    }

    fn painted(&self, text: &str, look: Look) -> String {
        match look {
            Look::Plain => text.to_owned(),
            _ if !self.colour => text.to_owned(),
            _ => format!("\u{1b}[{}m{text}\u{1b}[0m", look.code()),
        }
    }

    /// A reader that has gone away (`| head`) does not stop the story, which still has to clean up.
    fn line(&self, text: &str) {
        let _ = writeln!(std::io::stdout(), "{text}");
    }
}
