//! Prints a report for people: a table of what was found, then what to do, so that commands and statements can be pasted.

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, LineStyle, Table, TableStyle};
use serde_json::Value;

use super::{Line, Outcome, Report};

/// Lines only above and below: with one between all checks, the table would be twice as long.
const STYLE: TableStyle = TableStyle::new()
    .top_border(LineStyle::none().fill('─').junction('─'))
    .header_separator(LineStyle::none().fill('═').junction('═'))
    .bottom_border(LineStyle::none().fill('─').junction('─'));

/// The report, at most `width` columns wide where lines can be broken; what is to be pasted is not.
#[must_use]
pub fn text(report: &Report, width: u16) -> String {
    let mut table = Table::new();
    table.load_style(STYLE).set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    table.set_header(["", "CHECK", "FOUND"]);
    for line in &report.checks {
        table.add_row([word(line.outcome), &line.check, &line.found]);
    }
    let table = lines(&table.to_string(), str::trim_end);
    let cures: Vec<String> = report.checks.iter().filter_map(|line| cure(line, width)).collect();
    let advice = if cures.is_empty() { String::new() } else { format!("\n\nWhat to do\n\n{}", cures.join("\n\n")) };
    format!("{table}{advice}\n\n{}", totals(report))
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "pass",
        Outcome::Warn => "warn",
        Outcome::Fail => "FAIL",
        Outcome::NotChecked => "–",
    }
}

fn cure(line: &Line, width: u16) -> Option<String> {
    let sentence = format!("{}: {}", line.check, line.cure.as_ref()?);
    let pasted = match line.paste.as_slice() {
        [] => String::new(),
        [Value::String(command)] => format!("\n\n{command}"),
        [one] => format!("\n\n{}", statement(one)),
        several => format!("\n\n{}", policy(several)),
    };
    Some(format!("{}{pasted}", broken(&sentence, width)))
}

/// A whole policy with these statements.
fn policy(statements: &[Value]) -> String {
    let statements: Vec<String> = statements.iter().map(statement).collect();
    format!("{{\"Version\": \"2012-10-17\", \"Statement\": [\n{}\n]}}", statements.join(",\n"))
}

/// A line for each member: short enough to be read, and JSON.
fn statement(statement: &Value) -> String {
    let members = statement.as_object().into_iter().flatten();
    let members: Vec<String> = members.map(|(name, value)| format!("\"{name}\": {value}")).collect();
    format!("{{{}}}", members.join(",\n "))
}

/// The text in lines that fit.
fn broken(text: &str, width: u16) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    table.add_row([text]);
    lines(&table.to_string(), str::trim)
}

fn lines(text: &str, each: fn(&str) -> &str) -> String {
    text.lines().map(each).collect::<Vec<_>>().join("\n")
}

fn totals(report: &Report) -> String {
    let totals = report.totals;
    let counted = |count: usize, one: &str, many: &str| {
        (count > 0).then(|| format!("{count} {}", if count == 1 { one } else { many }))
    };
    let parts = [
        counted(totals.pass, "passed", "passed"),
        counted(totals.warn, "warning", "warnings"),
        counted(totals.fail, "failed", "failed"),
        counted(totals.not_checked, "not checked", "not checked"),
    ];
    format!("{}.", parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
}
