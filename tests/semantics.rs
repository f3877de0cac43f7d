//! `docs/semantics.md` names the tests that hold each promise: they must exist, and no promise may be missing.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A name in backquotes that is longer than this and has that many words is a test's: they are sentences.
const WORDS_OF_A_SENTENCE: usize = 4;

#[test]
fn every_test_that_the_promises_name_exists() {
    let tests = tests();
    let missing: Vec<String> = named().into_iter().filter(|name| !tests.contains(name)).collect();
    assert!(missing.is_empty(), "docs/semantics.md names tests that do not exist: {missing:?}");
}

#[test]
fn every_promise_is_told() {
    let text = document();
    let headings: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("### ")?.split(' ').next()).collect();
    let promises: Vec<String> = (1..=14).map(|number| format!("P{number}")).collect();
    assert_eq!(headings, promises);
    for told in text.split("\n### ").skip(1) {
        let says = ["Held by", "Held in", "ot yet held"].iter().any(|says| told.contains(says));
        assert!(says, "it must say what holds it, or that nothing does yet: {told}");
    }
}

fn document() -> String {
    fs::read_to_string(root().join("docs/semantics.md")).expect("docs/semantics.md")
}

/// Every test that the document names.
fn named() -> BTreeSet<String> {
    let text = document();
    let quoted = text.split('`').skip(1).step_by(2);
    let sentences = quoted.filter(|name| name.split('_').count() >= WORDS_OF_A_SENTENCE && !name.contains(['.', '/']));
    let named: BTreeSet<String> = sentences.map(str::to_owned).collect();
    assert!(named.len() > 20, "only {} names were found", named.len());
    named
}

/// The name of every function below `src/` and `tests/` that follows a `#[test]` or `#[tokio::test]`.
fn tests() -> BTreeSet<String> {
    let mut files = Vec::new();
    collect(&root().join("src"), &mut files);
    collect(&root().join("tests"), &mut files);
    let texts = files.iter().map(|path| fs::read_to_string(path).expect("a text"));
    texts.flat_map(|text| tests_in(&text)).collect()
}

fn tests_in(text: &str) -> Vec<String> {
    let marked = text.split("#[").filter(|part| part.starts_with("test]") || part.starts_with("tokio::test"));
    let names = marked.filter_map(|part| part.split("fn ").nth(1)?.split(['(', '<']).next());
    names.map(str::to_owned).collect()
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("a directory").flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
