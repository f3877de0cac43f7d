//! The list at the end: what was promised, and whether it was observed.

use super::story::Teller;

/// What was checked, in order.
#[derive(Default)]
pub(crate) struct Checks {
    checked: Vec<(bool, String)>,
}

impl Checks {
    /// Notes whether `what` was observed.
    pub(crate) fn note(&mut self, ok: bool, what: impl Into<String>) {
        self.checked.push((ok, what.into()));
    }

    /// Prints the list, and tells whether everything was ok.
    pub(crate) fn tell(&self, teller: &Teller) -> bool {
        for (ok, what) in &self.checked {
            teller.checks(*ok, what);
        }
        self.checked.iter().all(|(ok, _)| *ok)
    }
}
