//! The archive that a run leaves: its page, its log, its certificate and its reports.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::page::Page;
use super::reports::Findings;
use super::secrets::Secrets;
use crate::archive::pack;
use crate::ports::{BuildEnd, Bundle, RunEnd};
use crate::release::{Moment, RunId};

/// What will be the bundle. It lies beside the run's home, not in it, so that the command does not find it.
pub(super) struct Draft {
    home: TempDir,
}

impl Draft {
    /// An empty one in this directory, or where temporary files are.
    pub(super) fn new(within: Option<&Path>) -> io::Result<Self> {
        let home = match within {
            Some(parent) => TempDir::with_prefix_in("bundle-", parent)?,
            None => TempDir::with_prefix("bundle-")?,
        };
        let draft = Self { home };
        fs::create_dir(draft.content())?;
        Ok(draft)
    }

    fn content(&self) -> PathBuf {
        self.home.path().join("content")
    }

    /// Where the log is to be.
    pub(super) fn log(&self) -> PathBuf {
        self.content().join("log.txt")
    }

    /// Adds the rest, without the secrets, and packs everything. Blocks.
    pub(super) fn finish(self, left: &Left, secrets: &Secrets) -> io::Result<Bundle> {
        let content = self.content();
        let text = serde_json::to_string_pretty(&left.certificate)?;
        fs::write(content.join("certificate.json"), text + "\n")?;
        let page = content.join("report.html");
        fs::write(&page, &left.page)?;
        for report in &left.reports {
            let copy = content.join("reports").join(report);
            if let Some(parent) = copy.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(copy, secrets.hide(&fs::read(left.work.join(report))?))?;
        }
        let file = self.home.path().join("bundle.zip");
        pack(&content, &file)?;
        Ok(Bundle { home: self.home, file, page: Some(page) })
    }
}

/// What a build leaves. Its phases stand for its log, which is not here; where that is, is told.
pub(super) fn of_build(run: &RunId, certificate: Map<String, Value>, end: &RunEnd) -> io::Result<Bundle> {
    let none = Secrets::new(std::iter::empty()).map_err(io::Error::other)?;
    let draft = Draft::new(None)?;
    let log = end.build.as_deref().map(told).unwrap_or_default();
    fs::write(draft.log(), &log)?;
    let certificate = self::certificate(certificate, run, end);
    let findings = Findings::of_build(end);
    let page = Page::new((&certificate, end), &findings, &log).html();
    draft.finish(&Left { certificate, page, reports: Vec::new(), work: PathBuf::new() }, &none)
}

fn told(build: &BuildEnd) -> String {
    let log = build.log.iter().map(|log| format!("Its log: {log}"));
    let lines = [format!("Build {}: {}", build.build, build.status)].into_iter();
    let lines: Vec<String> = lines.chain(build.phases.iter().cloned()).chain(log).collect();
    lines.join("\n") + "\n"
}

/// What a run leaves beside its log.
pub(super) struct Left {
    pub(super) certificate: Map<String, Value>,
    /// The page about it, without secrets.
    pub(super) page: String,
    /// Its report files, relative to `work`.
    pub(super) reports: Vec<PathBuf>,
    /// Where it ran.
    pub(super) work: PathBuf,
}

/// `tested` with what came of it.
pub(super) fn certificate(mut tested: Map<String, Value>, run: &RunId, end: &RunEnd) -> Map<String, Value> {
    let result = [
        ("run", json!(run.as_str())),
        ("passed", json!(end.passed())),
        ("exitCode", json!(end.exit_code)),
        ("totals", json!(end.totals)),
        ("startedAt", json!(rfc_3339(end.started_at))),
        ("endedAt", json!(rfc_3339(end.ended_at))),
    ];
    tested.extend(result.map(|(name, value)| (name.to_owned(), value)));
    tested
}

fn rfc_3339(moment: Moment) -> Option<String> {
    let seconds = i64::try_from(moment).ok()?;
    Some(Timestamp::from_second(seconds).ok()?.to_string())
}
