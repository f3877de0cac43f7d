//! Draws a stage for a terminal.

use std::time::Duration;

use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{ContentArrangement, Table};

use super::{ServiceReport, StageReport, VersionReport};
use crate::release::Moment;

/// The stage as a table, with ages as of `now`, at most `width` columns wide if that is given.
#[must_use]
pub fn table(report: &StageReport, now: Moment, width: Option<u16>) -> String {
    if report.services.is_empty() {
        return format!("Stage {}: nothing was released into it yet.", report.stage);
    }
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic).set_header([
        "SERVICE",
        "LIVE",
        "BLUE, AND WHAT IT WAITS FOR",
        "PREVIOUS",
        "PINNED BY OTHERS",
    ]);
    if let Some(width) = width {
        table.set_width(width);
    }
    for service in &report.services {
        table.add_row(row(service, now));
    }
    format!("Stage {} (write {})\n{table}", report.stage, report.seq)
}

fn row(service: &ServiceReport, now: Moment) -> [String; 5] {
    let others = service.others.iter().map(|version| format!("{} ({:?})", version.version, version.state));
    [
        service.service.to_string(),
        lines(service.live.iter().map(|version| live(version, now))),
        lines(service.blues.iter().map(blue)),
        lines(service.previous.iter().map(|version| version.version.clone()).chain(others)),
        lines(all(service).flat_map(pins)),
    ]
}

fn live(version: &VersionReport, now: Moment) -> String {
    let age = version.promoted_at.map(|at| age(now.saturating_sub(at)));
    let mut text = format!("{} ({})", version.version, age.unwrap_or_default());
    if !version.behind.is_empty() {
        text.push_str(&format!("\n  behind: calls {}", version.behind.join(", ")));
    }
    if !version.untested_with.is_empty() {
        text.push_str(&format!("\n  not tested with {}", version.untested_with.join(", ")));
    }
    text
}

fn blue(version: &VersionReport) -> String {
    let waits_for = version.waits_for.as_deref().unwrap_or("nothing");
    let view = if version.view.is_empty() { String::new() } else { format!("\n  with {}", version.view.join(", ")) };
    format!("{}: {waits_for}{view}", version.version)
}

fn pins(version: &VersionReport) -> Vec<String> {
    version.pinned_by.iter().map(|by| format!("{} by {by}", version.version)).collect()
}

fn all(service: &ServiceReport) -> impl Iterator<Item = &VersionReport> {
    service.live.iter().chain(&service.blues).chain(&service.previous).chain(&service.others)
}

fn lines(cells: impl Iterator<Item = String>) -> String {
    let text = cells.collect::<Vec<_>>().join("\n");
    if text.is_empty() { "–".to_owned() } else { text }
}

/// How long ago, in the largest unit that still tells something.
fn age(seconds: u64) -> String {
    let duration = Duration::from_secs(seconds);
    let minutes = duration.as_secs() / 60;
    match minutes {
        0 => format!("{} s", duration.as_secs()),
        1..=119 => format!("{minutes} min"),
        120..=2_879 => format!("{} h", minutes / 60),
        _ => format!("{} d", minutes / (24 * 60)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::Stage;

    #[test]
    fn an_empty_stage_says_so() {
        let report = StageReport::of(&Stage::empty("test".parse().unwrap()));
        assert_eq!(table(&report, 0, None), "Stage test: nothing was released into it yet.");
    }

    #[test]
    fn ages_are_told_in_the_unit_that_fits() {
        assert_eq!([59, 60, 7_199, 7_200, 172_800].map(age), ["59 s", "1 min", "119 min", "2 h", "2 d"]);
    }
}
