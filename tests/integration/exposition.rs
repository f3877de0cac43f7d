//! Prometheus' text format, read strictly: whatever it does not allow, or advises against, is a panic.

use std::collections::{BTreeMap, BTreeSet};

/// The labels of a sample, by their names.
pub(crate) type Labels = BTreeMap<String, String>;

/// Everything of one name.
#[derive(Debug, Default)]
pub(crate) struct Family {
    pub(crate) kind: String,
    /// Suffix (`_bucket`, `_sum`, `_count`, or nothing), labels, value.
    pub(crate) samples: Vec<(String, Labels, f64)>,
}

/// What a scrape shows.
#[derive(Debug, Default)]
pub(crate) struct Scrape(pub(crate) BTreeMap<String, Family>);

impl Scrape {
    pub(crate) fn read(text: &str) -> Self {
        assert!(text.ends_with('\n'), "the last line has no end");
        let mut families: BTreeMap<String, Family> = BTreeMap::new();
        let mut current = String::new();
        let mut helped = BTreeSet::new();
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, what) = help.split_once(' ').expect("a description");
                assert!(!what.is_empty() && helped.insert(name.to_owned()), "{line}");
            } else if let Some(typed) = line.strip_prefix("# TYPE ") {
                let (name, kind) = typed.split_once(' ').expect("a type");
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
                assert!(helped.contains(name) && is_name(name), "{line}");
                current = name.to_owned();
                let family = Family { kind: kind.to_owned(), samples: Vec::new() };
                assert!(families.insert(current.clone(), family).is_none(), "{name} is told twice");
            } else {
                let (name, labels, value) = sample(line);
                let suffix = name.strip_prefix(&current).unwrap_or_else(|| panic!("{line} is not of {current}"));
                families.get_mut(&current).expect("a type").samples.push((suffix.to_owned(), labels, value));
            }
        }
        families.iter().for_each(|(name, family)| family.check(name));
        Self(families)
    }

    /// The values of those samples of this name that have these labels, added up.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.of(name, "", labels).sum()
    }

    /// How much a histogram has counted, and the sum of it.
    pub(crate) fn histogram(&self, name: &str, labels: &[(&str, &str)]) -> (f64, f64) {
        (self.of(name, "_count", labels).sum(), self.of(name, "_sum", labels).sum())
    }

    fn of<'a>(&'a self, name: &str, suffix: &'a str, labels: &'a [(&str, &str)]) -> impl Iterator<Item = f64> + 'a {
        let samples = self.0.get(name).map(|family| family.samples.as_slice()).unwrap_or_default();
        let has = |all: &Labels| labels.iter().all(|(key, value)| all.get(*key).is_some_and(|found| found == value));
        samples.iter().filter(move |(of, all, _)| of == suffix && has(all)).map(|(_, _, value)| *value)
    }
}

impl Family {
    fn check(&self, name: &str) {
        assert!(!self.samples.is_empty(), "{name} has no sample");
        let distinct: BTreeSet<_> = self.samples.iter().map(|(suffix, labels, _)| (suffix, labels)).collect();
        assert_eq!(distinct.len(), self.samples.len(), "{name} tells a sample twice");
        assert_eq!(self.kind == "counter", name.ends_with("_total"), "{name} is a {}", self.kind);
        if self.kind == "histogram" {
            return self.check_histogram(name);
        }
        for (suffix, _, value) in &self.samples {
            assert!(suffix.is_empty() && value.is_finite() && *value >= 0.0, "{name}{suffix} {value}");
        }
    }

    fn check_histogram(&self, name: &str) {
        let mut buckets: BTreeMap<Labels, Vec<(f64, f64)>> = BTreeMap::new();
        for (suffix, labels, value) in self.samples.iter().filter(|(suffix, ..)| suffix == "_bucket") {
            let mut labels = labels.clone();
            let bound = number(&labels.remove("le").unwrap_or_else(|| panic!("{name}{suffix} has no bound")));
            buckets.entry(labels).or_default().push((bound, *value));
        }
        for (labels, buckets) in &buckets {
            let rises = buckets.windows(2).all(|two| two[0].0 < two[1].0 && two[0].1 <= two[1].1);
            assert!(rises, "{name} {labels:?}: {buckets:?}");
            let told = |wanted: &str| {
                let found = self.samples.iter().find(|(suffix, of, _)| suffix == wanted && of == labels);
                found.unwrap_or_else(|| panic!("{name}{wanted} {labels:?}")).2
            };
            assert_eq!(buckets.last(), Some(&(f64::INFINITY, told("_count"))), "{name} {labels:?}");
            assert!(told("_sum") >= 0.0);
        }
        assert!(!buckets.is_empty(), "{name} has no buckets");
    }
}

/// `name{label="value",…} 1.5`
fn sample(line: &str) -> (String, Labels, f64) {
    let (head, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line:?} has no value"));
    let (name, labels) = head.split_once('{').unwrap_or((head, "}"));
    assert!(is_name(name), "{line:?}");
    let mut rest = labels.strip_suffix('}').unwrap_or_else(|| panic!("{line:?} does not end its labels"));
    let mut found = Labels::new();
    while !rest.is_empty() {
        let (key, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("{line:?}"));
        assert!(is_name(key) && !key.contains(':') && !key.starts_with("__"), "{line:?}");
        let (value, after) = quoted(after);
        assert!(found.insert(key.to_owned(), value).is_none(), "{line:?} has {key} twice");
        rest = after.strip_prefix(',').unwrap_or(after);
        assert!(rest.is_empty() || after.starts_with(','), "{line:?}");
    }
    (name.to_owned(), found, number(value))
}

/// What stands before the closing quote, unescaped, and what stands behind it.
fn quoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut rest = text.chars();
    loop {
        match rest.next().expect("a closing quote") {
            '"' => return (value, rest.as_str()),
            '\\' => value.push(match rest.next() {
                Some('n') => '\n',
                Some(same @ ('\\' | '"')) => same,
                other => panic!("\\{other:?} is no escape"),
            }),
            plain => value.push(plain),
        }
    }
}

fn number(text: &str) -> f64 {
    if text == "+Inf" { f64::INFINITY } else { text.parse().unwrap_or_else(|_| panic!("{text:?} is no number")) }
}

fn is_name(text: &str) -> bool {
    let of_a_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    text.chars().all(of_a_name) && text.chars().next().is_some_and(|first| !first.is_ascii_digit())
}
