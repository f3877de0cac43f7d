//! The reports of a run: which files they are, and what they tell together.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use glob::{MatchOptions, Pattern};

use super::junit::{self, Failed, MOST_FAILED_TESTS};
use super::remembered::Slowest;
use super::secrets::Secrets;
use crate::ports::{FailedTest, RunEnd, Totals};

/// Larger than any report of honest test cases; what is in it is held in memory while it is read.
const MOST_REPORT_BYTES: u64 = 16 << 20;

/// Surefire writes one file per class, and nobody has ten thousand: a glob that finds more has found something else.
const MOST_REPORT_FILES: usize = 10_000;

/// All reports together are read one after another, and none of it may take minutes.
const MOST_BYTES_OF_ALL: u64 = 256 << 20;

/// How many files and directories are looked at to find the reports: ten times what an artifact may hold.
const MOST_LOOKED_AT: usize = 1_000_000;

/// The glob as people know it from a shell: stars stop at slashes.
const OPTIONS: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: false };

/// The files that match a glob before the run has begun, each with its length and when it was changed. The input
/// artifact may hold reports of earlier tests: they are not this run's, and must not make it pass or fail.
pub(super) type Before = BTreeMap<PathBuf, (u64, Option<SystemTime>)>;

/// What the reports of a run tell together.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// What they count.
    pub(super) totals: Totals,
    /// The tests that failed, the first few.
    pub(super) failed: Vec<Failed>,
    /// The tests that took longest.
    pub(super) slowest: Slowest,
    /// Why they cannot be relied on.
    pub(super) problem: Option<String>,
    /// The files, relative to where the command ran.
    pub(super) files: Vec<PathBuf>,
    /// What the command says of itself.
    pub(super) ended_well: bool,
}

/// What is there before the run. A bad glob finds nothing here and is told when the run has ended.
pub(super) fn before(work: &Path, pattern: &str) -> Before {
    let mut before = Before::new();
    for path in matching(work, pattern).unwrap_or_default() {
        if let Ok(metadata) = fs::symlink_metadata(&path) {
            before.insert(path, state_of(&metadata));
        }
    }
    before
}

/// Reads every report that matches `pattern` in `work` and that the run wrote, without the secrets. If the command says
/// that it has ended well, a test that failed and then passed was run again.
pub(super) fn read_all(
    (work, pattern): (&Path, &str),
    before: &Before,
    secrets: &Secrets,
    ended_well: bool,
) -> Findings {
    let mut findings = Findings { ended_well, ..Findings::default() };
    let paths = match matching(work, pattern) {
        Ok(paths) => paths,
        Err(why) => {
            findings.problem = Some(why);
            return findings;
        }
    };
    let (mut old, mut room) = (0, MOST_BYTES_OF_ALL);
    for path in paths {
        match admitted(work, &path, before) {
            Ok(Admitted::Report(bytes)) if bytes > room => {
                findings.refuse(
                    work,
                    &path,
                    &format!("all reports together have more than {} MiB", MOST_BYTES_OF_ALL >> 20),
                );
                break;
            }
            Ok(Admitted::Report(bytes)) => {
                room -= bytes;
                findings.read(work, &path, secrets);
            }
            Ok(Admitted::Old) => old += 1,
            Ok(Admitted::Directory) => {}
            Err(why) => findings.refuse(work, &path, &why),
        }
    }
    if findings.problem.is_none() {
        findings.problem = findings.nothing_tested(pattern, old);
    }
    findings
}

impl Findings {
    /// What is known of the reports of a build, which CodeBuild has read.
    pub(super) fn of_build(end: &RunEnd) -> Self {
        Self { failed: end.failed_tests.iter().cloned().map(Failed::told).collect(), ..Self::default() }
    }

    /// The tests that failed, each in a line.
    pub(super) fn failed_tests(&self) -> Vec<FailedTest> {
        self.failed.iter().map(|failed| failed.told.clone()).collect()
    }

    fn read(&mut self, work: &Path, path: &Path, secrets: &Secrets) {
        let report = match fs::read(path) {
            // Before it is read, because a name or a message that is cut would hold half a secret.
            Ok(bytes) => told(&secrets.hide(&bytes)),
            Err(error) => Err(error.to_string()),
        };
        if let Ok(relative) = path.strip_prefix(work) {
            self.files.push(relative.to_owned());
        }
        match report {
            Ok(report) => self.add(report),
            Err(why) => self.refuse(work, path, &why),
        }
    }

    fn add(&mut self, mut report: junit::Report) {
        if self.ended_well {
            settle_tries(&mut report);
        }
        self.totals.tests += report.totals.tests;
        self.totals.failed += report.totals.failed;
        self.totals.skipped += report.totals.skipped;
        self.totals.flaky += report.totals.flaky;
        let room = MOST_FAILED_TESTS.saturating_sub(self.failed.len());
        self.failed.extend(report.failed.into_iter().take(room));
        self.slowest.add(report.slowest);
    }

    /// The first problem is told: the others mostly have the same cause.
    fn refuse(&mut self, work: &Path, path: &Path, why: &str) {
        let shown = path.strip_prefix(work).unwrap_or(path).display();
        self.problem.get_or_insert_with(|| format!("report {shown} cannot be read: {why}"));
    }

    fn nothing_tested(&self, pattern: &str, old: usize) -> Option<String> {
        if self.totals.tests > 0 {
            return None;
        }
        Some(if !self.files.is_empty() {
            let files = self.files.len();
            format!("no test is in the {files} report(s) that match \"{pattern}\"")
        } else if old > 0 {
            format!("the run wrote no report: the {old} file(s) that match \"{pattern}\" were there before it began")
        } else {
            format!("the run wrote no report: no file matches \"{pattern}\"")
        })
    }
}

/// What a report's bytes tell. Only UTF-8 is read; where a few bytes are not, they are replaced, because they are most
/// likely in a message that somebody wrote in Latin-1.
fn told(bytes: &[u8]) -> Result<junit::Report, String> {
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err("it is UTF-16; have it written as UTF-8".into());
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    junit::read(&String::from_utf8_lossy(bytes))
}

/// Counts a test that failed and then passed once, as flaky.
fn settle_tries(report: &mut junit::Report) {
    let (tries, tests) = report.tries;
    report.failed.retain(|failed| !failed.passed_too);
    report.totals.tests -= tries;
    report.totals.failed -= tries;
    report.totals.flaky += tests;
}

enum Admitted {
    /// With so many bytes.
    Report(u64),
    Old,
    Directory,
}

/// Whether the file may be read. The command could have made it anything: a link to the worker's own files, a pipe that
/// never ends.
fn admitted(work: &Path, path: &Path, before: &Before) -> Result<Admitted, String> {
    let metadata = fs::symlink_metadata(path).map_err(|e| e.to_string())?;
    if metadata.is_dir() {
        return Ok(Admitted::Directory);
    }
    if metadata.is_symlink() {
        return Err("it is a symbolic link".into());
    }
    if !metadata.is_file() {
        return Err("it is not a regular file".into());
    }
    if !is_within(work, path).map_err(|e| e.to_string())? {
        return Err("it is outside of the directory in which the command ran".into());
    }
    if before.get(path) == Some(&state_of(&metadata)) {
        return Ok(Admitted::Old);
    }
    if metadata.len() > MOST_REPORT_BYTES {
        let mib = MOST_REPORT_BYTES >> 20;
        return Err(format!("it is larger than {mib} MiB"));
    }
    if path.to_str().is_none() {
        return Err("its name is not UTF-8".into());
    }
    Ok(Admitted::Report(metadata.len()))
}

fn is_within(work: &Path, path: &Path) -> io::Result<bool> {
    Ok(path.canonicalize()?.starts_with(work.canonicalize()?))
}

fn state_of(metadata: &Metadata) -> (u64, Option<SystemTime>) {
    (metadata.len(), metadata.modified().ok())
}

/// The files that match, in the order of their names.
///
/// The whole directory is looked through, and no link is followed, which the library's own search would do: two links to
/// the directory that they lie in give every file more names than can ever be looked at.
fn matching(work: &Path, pattern: &str) -> Result<Vec<PathBuf>, String> {
    let stays = Path::new(pattern).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if pattern.is_empty() || !stays {
        return Err(format!(
            "\"{pattern}\" cannot be used to find reports: it must be relative and cannot hold \"..\""
        ));
    }
    // As a path, so that "./a//b" is "a/b".
    let plain: PathBuf = Path::new(pattern).components().filter(|part| *part != Component::CurDir).collect();
    let plain = plain.to_str().unwrap_or(pattern);
    let glob = Pattern::new(plain).map_err(|e| format!("\"{pattern}\" is not a glob: {}", e.msg))?;
    let mut paths = Vec::new();
    let (mut open, mut looked_at) = (vec![work.to_owned()], 0);
    while let Some(directory) = open.pop() {
        // A directory that cannot be read, or is gone by now, holds no report of this run.
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            looked_at += 1;
            if looked_at > MOST_LOOKED_AT {
                return Err(format!("reports cannot be looked for among more than {MOST_LOOKED_AT} files"));
            }
            let path = entry.path();
            if path.strip_prefix(work).is_ok_and(|relative| glob.matches_path_with(relative, OPTIONS)) {
                paths.push(path.clone());
            }
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                open.push(path);
            }
        }
        if paths.len() > MOST_REPORT_FILES {
            return Err(format!("more than {MOST_REPORT_FILES} files match \"{pattern}\""));
        }
    }
    paths.sort();
    Ok(paths)
}
