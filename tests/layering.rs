//! The arrows of the architecture point down: who may know whom is checked here, as are the sizes of files.
//!
//! ```text
//!                  main.rs → cli
//!                  console                 cli knows all
//!     worker   status   local
//!        └── actions ──┐
//!         release ◄────┴──► ports ◄── aws · runner
//!                              └─ doctor ◄─ aws
//! ```

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Each module of `src/`, with the modules of ours that it may know, besides itself.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("archive", &[]),
    ("clock", &[]),
    ("dice", &[]),
    ("release", &[]),
    ("ports", &["release", "clock", "dice"]),
    ("actions", &["release", "ports", "clock", "dice"]),
    ("doctor", &["ports"]),
    ("aws", &["release", "ports", "archive", "doctor", "telemetry"]),
    ("runner", &["release", "ports", "clock", "archive"]),
    ("telemetry", &["ports", "release"]),
    ("worker", &["actions", "ports", "telemetry"]),
    ("health", &["telemetry", "worker"]),
    ("status", &["release"]),
    ("local", &["archive", "clock", "dice"]),
    ("console", &["local", "ports", "release", "status", "worker"]),
    (
        "cli",
        &[
            "actions",
            "archive",
            "aws",
            "clock",
            "console",
            "dice",
            "doctor",
            "health",
            "local",
            "ports",
            "release",
            "runner",
            "status",
            "telemetry",
            "worker",
        ],
    ),
    ("main", &["cli"]),
];

/// Crates that the rules may use: no async, no clock, no input or output.
const RELEASE_MAY_USE: &[&str] = &["std", "serde", "serde_json", "thiserror"];

/// The longest file, in lines, its tests not counted: what one can read at a sitting.
const LONGEST_FILE: usize = 350;

struct Source {
    module: String,
    path: PathBuf,
    /// Without comments and without the tests at its end.
    code: String,
}

#[test]
fn every_module_knows_only_what_is_below_it() {
    for source in sources() {
        let (_, allowed) = MAY_KNOW
            .iter()
            .find(|(module, _)| *module == source.module)
            .unwrap_or_else(|| panic!("src/{} is not in the table of this test", source.module));
        for known in modules_known(&source) {
            let fine = known == source.module || allowed.contains(&known.as_str());
            assert!(fine, "{} knows {known}, which is not below it", source.path.display());
        }
    }
}

#[test]
fn aws_types_stay_in_aws() {
    for source in sources().iter().filter(|source| source.module != "aws") {
        for line in source.code.lines() {
            let names = line.contains("aws_sdk_") || line.contains("aws_config") || line.contains("aws_smithy");
            assert!(!names, "{} names an AWS type: {line}", source.path.display());
        }
    }
}

#[test]
fn the_rules_are_pure() {
    for source in sources().iter().filter(|source| source.module == "release") {
        let path = source.path.display();
        for line in source.code.lines().map(str::trim) {
            let used = line.strip_prefix("use ").map(|used| used.split("::").next().unwrap_or_default());
            let inside = ["crate", "super", "self"];
            let fine =
                used.is_none_or(|used| inside.contains(&used) || is_own(used) || RELEASE_MAY_USE.contains(&used));
            assert!(fine, "{path} uses more than std and serde: {line}");
            for impure in ["async ", ".await", "std::fs", "std::io", "std::net", "std::env", "std::thread", "std::time"]
            {
                assert!(!line.contains(impure), "{path} is not pure: {line}");
            }
        }
    }
}

#[test]
fn every_file_tells_one_thing() {
    for source in sources() {
        let lines = source.code.lines().count();
        assert!(lines <= LONGEST_FILE, "{} has {lines} lines without its tests", source.path.display());
    }
}

/// A module of `release/` itself, as in `pub use names::…`.
fn is_own(used: &str) -> bool {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/release").join(format!("{used}.rs")).exists()
        || used == "transitions"
}

fn modules_known(source: &Source) -> BTreeSet<String> {
    let ours: Vec<&str> = MAY_KNOW.iter().map(|(module, _)| *module).collect();
    let mut known = BTreeSet::new();
    for root in ["crate::", "bluestage::"] {
        for after in source.code.split(root).skip(1) {
            let name: String = after.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            if ours.contains(&name.as_str()) {
                known.insert(name);
            }
        }
    }
    known
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    assert!(files.len() > 50, "the sources were not found in {}", root.display());
    let is_test =
        |path: &PathBuf| path.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "tests.rs");
    let shipped = files.into_iter().filter(|path| !is_test(path));
    shipped.filter(|path| !path.ends_with("src/lib.rs")).map(|path| read(&root, path)).collect()
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

fn read(root: &Path, path: PathBuf) -> Source {
    let text = fs::read_to_string(&path).expect("a text");
    let shipped = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let code: Vec<&str> = shipped.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let inside = path.strip_prefix(root).expect("a path below src/");
    let first = inside.components().next().expect("a first part").as_os_str().to_string_lossy();
    Source { module: first.trim_end_matches(".rs").to_owned(), code: code.join("\n"), path }
}
