//! Hides the values of secrets in everything that is kept of a run.

use aho_corasick::{AhoCorasick, BuildError, MatchKind};
use secrecy::ExposeSecret;

use crate::ports::RunSpec;

/// What stands for a secret.
const HIDDEN: &str = "****";

/// A shorter value is in every other word: hiding it would say where it is, and make the log unreadable.
const SHORTEST: usize = 4;

/// A secret of several lines, such as a key, may be printed line by line. A shorter line tells nothing.
const SHORTEST_LINE: usize = 8;

/// Finds the secrets of one run.
#[derive(Clone)]
pub(super) struct Secrets {
    found: AhoCorasick,
    values: Vec<String>,
}

impl Secrets {
    /// The secrets of this run.
    pub(super) fn of(spec: &RunSpec) -> Result<Self, BuildError> {
        Self::new(spec.secrets.iter().map(|(_, value)| value.expose_secret()))
    }

    /// These secrets.
    pub(super) fn new<'a>(secrets: impl Iterator<Item = &'a str>) -> Result<Self, BuildError> {
        let mut values: Vec<String> = secrets.flat_map(forms).collect();
        values.sort();
        values.dedup();
        let found = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&values)?;
        Ok(Self { found, values })
    }

    /// `text` without them.
    pub(super) fn hide(&self, text: &[u8]) -> Vec<u8> {
        self.found.replace_all_bytes(text, &vec![HIDDEN; self.values.len()])
    }

    /// For what comes in pieces.
    pub(super) fn stream(&self) -> Stream {
        Stream { secrets: self.clone(), kept: Vec::new() }
    }

    /// How much at the end of `text` may be the beginning of a secret.
    fn unsettled(&self, text: &[u8]) -> usize {
        let longest = self.values.iter().map(String::len).max().unwrap_or_default().saturating_sub(1);
        let begins =
            |end: &[u8]| self.values.iter().any(|value| value.len() > end.len() && value.as_bytes().starts_with(end));
        (1..=longest.min(text.len())).rev().find(|length| begins(&text[text.len() - length..])).unwrap_or_default()
    }
}

/// As it is, as XML writes it, and its lines.
fn forms(secret: &str) -> Vec<String> {
    if secret.len() < SHORTEST {
        return Vec::new();
    }
    let lines = secret.lines().map(str::trim).filter(|line| line.len() >= SHORTEST_LINE && *line != secret);
    let mut forms = vec![secret.to_owned(), quick_xml::escape::escape(secret).into_owned()];
    forms.extend(lines.map(str::to_owned));
    forms
}

/// Hides secrets in what comes in pieces, also those that are split between two. It holds back only what may turn out to
/// be one.
pub(super) struct Stream {
    secrets: Secrets,
    kept: Vec<u8>,
}

impl Stream {
    /// What is settled by this piece.
    pub(super) fn next(&mut self, piece: &[u8]) -> Vec<u8> {
        self.kept.extend_from_slice(piece);
        let settled = self.kept.len() - self.secrets.unsettled(&self.kept);
        let (mut told, mut done) = (Vec::new(), 0);
        // One that begins before `settled` is whole, and may reach behind it.
        for found in self.secrets.found.find_iter(&self.kept).take_while(|found| found.start() < settled) {
            told.extend_from_slice(&self.kept[done..found.start()]);
            told.extend_from_slice(HIDDEN.as_bytes());
            done = found.end();
        }
        if done < settled {
            told.extend_from_slice(&self.kept[done..settled]);
            done = settled;
        }
        self.kept.drain(..done);
        told
    }

    /// What is left when nothing comes any more.
    pub(super) fn last(&mut self) -> Vec<u8> {
        self.secrets.hide(&std::mem::take(&mut self.kept))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hidden(secrets: &[&str], pieces: &[&str]) -> String {
        let mut stream = Secrets::new(secrets.iter().copied()).unwrap().stream();
        let mut all: Vec<u8> = pieces.iter().flat_map(|piece| stream.next(piece.as_bytes())).collect();
        all.extend(stream.last());
        String::from_utf8(all).unwrap()
    }

    #[test]
    fn a_secret_is_hidden_also_when_it_comes_in_pieces() {
        assert_eq!(hidden(&["hunter22"], &["a hunter22 b"]), "a **** b");
        assert_eq!(hidden(&["hunter22"], &["a hun", "ter", "22 b"]), "a **** b");
        assert_eq!(hidden(&["hunter22"], &["a hunhun", "ter22"]), "a hun****");
        assert_eq!(hidden(&["hunter22"], &["a hunter2"]), "a hunter2");
        assert_eq!(hidden(&["abcd", "abcdef"], &["abcd", "e", "f"]), "****");
        assert_eq!(hidden(&["abcd", "abcdef"], &["abcd", "ex"]), "****ex");
    }

    #[test]
    fn a_key_is_hidden_line_by_line_and_as_xml_writes_it() {
        assert_eq!(hidden(&["-----BEGIN\nMIIEvQIB"], &["> MIIEvQIB <"]), "> **** <");
        assert_eq!(hidden(&["a<b&cd"], &["a&lt;b&amp;cd"]), "****");
    }

    #[test]
    fn what_is_too_short_to_be_a_secret_stays() {
        assert_eq!(hidden(&["", "1"], &["1 test"]), "1 test");
        assert_eq!(hidden(&[], &["1 test"]), "1 test");
    }

    #[test]
    fn only_what_may_be_a_secret_is_held_back() {
        let mut stream = Secrets::new(["hunter22"].into_iter()).unwrap().stream();
        assert_eq!(stream.next(b"waiting\n"), b"waiting\n");
        assert_eq!(stream.next(b"hunt"), b"");
        assert_eq!(stream.next(b"ing\n"), b"hunting\n");
    }

    proptest! {
        #[test]
        fn pieces_or_not_the_same_is_hidden(text in "[ab]{0,40}", cuts in prop::collection::vec(0usize..40, 0..6)) {
            let secrets = ["abab", "aabb", "bababb"];
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&str> = cuts.windows(2).map(|cut| &text[cut[0]..cut[1]]).collect();
            let cut = hidden(&secrets, &pieces);
            prop_assert_eq!(&cut, &hidden(&secrets, &[&text]));
            for secret in secrets {
                prop_assert!(!cut.contains(secret));
            }
        }
    }
}
