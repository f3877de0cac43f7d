//! What is told of a worker is what the page says: metrics, alarms, the dashboard and the fields of log lines.
//!
//! `tests/integration/observed.rs` holds the same tables against what a real worker tells.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

const PAGE: &str = "docs/operations.md";

/// What only `bluestage local` logs; its lines are for whoever tries something on their own machine.
const OF_LOCAL: [&str; 3] = ["src/local", "src/console", "src/cli/local"];

#[test]
fn every_metric_is_in_the_page_with_its_type_and_the_other_way_round() {
    let told: BTreeMap<String, String> =
        rows("### Every metric").into_iter().map(|row| (row[0].clone(), row[1].clone())).collect();
    assert_eq!(metrics_of_the_code(), told, "on the left what src/telemetry/metrics.rs makes");
}

#[test]
fn a_metric_bears_its_unit_and_a_counter_its_total() {
    for row in rows("### Every metric") {
        let (name, kind, unit) = (row[0].as_str(), row[1].as_str(), row[2].as_str());
        assert_eq!(name.ends_with("_total"), kind == "counter", "{name}");
        assert_eq!(name.ends_with("_seconds"), unit == "s", "{name}");
    }
}

#[test]
fn dashboard_and_alarms_ask_for_nothing_that_is_not_there() {
    let metrics: BTreeMap<String, (String, BTreeSet<String>)> = rows("### Every metric")
        .into_iter()
        .map(|row| {
            let labels = row[3].split(", ").filter(|label| !label.is_empty()).map(str::to_owned).collect();
            (row[0].clone(), (row[1].clone(), labels))
        })
        .collect();
    let mut asked = BTreeSet::new();
    for expression in expressions_of_the_dashboard().into_iter().chain(alarms().into_values()) {
        for (name, labels) in asked_for(&expression) {
            let base = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix));
            let histogram = base.filter(|base| metrics.get(*base).is_some_and(|(kind, _)| kind == "histogram"));
            let found = metrics.get(histogram.unwrap_or(&name));
            let (kind, known) = found.unwrap_or_else(|| panic!("{name} is not there: {expression}"));
            assert_eq!(kind == "histogram", histogram.is_some(), "{name}: {expression}");
            // Those that Prometheus itself gives.
            let of_prometheus = ["job", "instance"];
            let unknown =
                labels.iter().find(|label| !known.contains(*label) && !of_prometheus.contains(&label.as_str()));
            assert_eq!(unknown, None, "{name}: {expression}");
            asked.insert(histogram.unwrap_or(&name).to_owned());
        }
        assert_eq!(expression.matches('(').count(), expression.matches(')').count(), "{expression}");
    }
    let unused: Vec<&String> = metrics.keys().filter(|name| !asked.contains(*name)).collect();
    assert!(unused.len() <= 3, "most of what is told is shown or watched: {unused:?}");
}

#[test]
fn every_alarm_is_explained_and_no_other() {
    let told: BTreeMap<String, String> =
        rows("### Alarms").into_iter().map(|row| (row[0].clone(), row[1].clone())).collect();
    let mut rules = BTreeMap::new();
    for rule in rules_of_the_file() {
        assert!(rule["annotations"]["summary"].as_str().is_some_and(|summary| summary.ends_with('.')), "{rule}");
        let wait = rule["for"].as_str().unwrap_or("0m");
        assert!(wait.strip_suffix('m').is_some_and(|minutes| minutes.parse::<u32>().is_ok()), "{rule}");
        let known = ["alert", "expr", "for", "labels", "annotations"];
        assert!(rule.as_object().expect("a rule").keys().all(|key| known.contains(&key.as_str())), "{rule}");
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        rules.insert(text(&rule["alert"]), text(&rule["labels"]["severity"]));
    }
    assert_eq!(rules, told, "on the left observability/alarms.yaml");
}

#[test]
fn every_field_of_a_log_line_is_in_the_page_and_the_other_way_round() {
    let told: BTreeSet<String> = rows("### Fields of a log line").into_iter().map(|row| row[0].clone()).collect();
    let always = ["timestamp", "level", "target", "message", "span"].map(str::to_owned);
    let mut logged: BTreeSet<String> = always.into();
    sources(&root().join("src"), &mut |path, text| {
        let ours = path.strip_prefix(root()).expect("a path of ours");
        if !OF_LOCAL.iter().any(|local| ours.starts_with(local)) && !ours.to_string_lossy().contains("/tests") {
            logged.extend(fields_logged(text));
        }
    });
    assert_eq!(logged, told, "on the left what src/ logs");
}

/// Name and type of what is made in `src/telemetry/metrics.rs`.
fn metrics_of_the_code() -> BTreeMap<String, String> {
    let code = fs::read_to_string(root().join("src/telemetry/metrics.rs")).expect("the instruments");
    let mut found = BTreeMap::new();
    for (at, _) in code.match_indices("\"bluestage_") {
        let name = code[at + 1..].split('"').next().expect("a name");
        let before = code[..at].trim_end().trim_end_matches('(');
        let maker: String = before.chars().rev().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        let maker: String = maker.chars().rev().collect();
        let kind = match maker.as_str() {
            "count" => "counter",
            "gauge" | "u64_observable_gauge" | "f64_observable_gauge" => "gauge",
            "seconds" => "histogram",
            other => panic!("{other} makes {name}"),
        };
        assert!(found.insert(name.to_owned(), kind.to_owned()).is_none(), "{name} is made twice");
    }
    assert!(found.len() > 15, "{found:?}");
    found
}

/// The names of fields in the macros that log.
fn fields_logged(text: &str) -> Vec<String> {
    let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let code = code.join("\n");
    let mut fields = Vec::new();
    for level in ["error!(", "warn!(", "info!(", "debug!("] {
        for after in code.split(level).skip(1) {
            let before_the_message = after.split('"').next().unwrap_or_default();
            let given = before_the_message.split(',').map(str::trim).filter(|given| !given.is_empty());
            let names =
                given.map(|given| given.split('=').next().unwrap_or_default().trim().trim_start_matches(['%', '?']));
            fields.extend(names.map(str::to_owned));
        }
    }
    fields
}

/// Each metric that a PromQL expression names, with the labels by which it picks.
fn asked_for(expression: &str) -> Vec<(String, Vec<String>)> {
    let starts = expression.match_indices("bluestage_").map(|(at, _)| &expression[at..]);
    let found = starts.map(|rest| {
        let name: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        let picked = rest[name.len()..].strip_prefix('{').and_then(|rest| rest.split('}').next()).unwrap_or_default();
        let labels = picked.split('"').step_by(2).map(|label| label.trim_start_matches(',').trim());
        let labels = labels.map(|label| label.trim_end_matches(['=', '~', '!']).to_owned());
        (name, labels.filter(|label| !label.is_empty()).collect())
    });
    found.collect()
}

fn expressions_of_the_dashboard() -> Vec<String> {
    let text = fs::read_to_string(root().join("observability/grafana-dashboard.json")).expect("the dashboard");
    let dashboard: Value = serde_json::from_str(&text).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let mut expressions = Vec::new();
    for (number, panel) in panels.iter().enumerate() {
        assert!(panel["title"].is_string() && panel["type"] == "timeseries", "{panel}");
        assert_eq!(panel["id"], number + 1);
        let targets = panel["targets"].as_array().expect("targets");
        assert!(!targets.is_empty(), "{panel}");
        expressions.extend(targets.iter().map(|target| target["expr"].as_str().expect("an expression").to_owned()));
    }
    assert!(expressions.len() > 10);
    expressions
}

fn alarms() -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    rules_of_the_file().iter().map(|rule| (text(&rule["alert"]), text(&rule["expr"]))).collect()
}

fn rules_of_the_file() -> Vec<Value> {
    let text = fs::read_to_string(root().join("observability/alarms.yaml")).expect("the rules");
    let file: Value = serde_norway::from_str(&text).expect("YAML");
    let groups = file["groups"].as_array().expect("groups");
    let rules: Vec<Value> = groups.iter().flat_map(|group| group["rules"].as_array().expect("rules").clone()).collect();
    assert!(rules.len() > 10);
    rules
}

/// The cells of the table below this heading, without the quotes of code.
fn rows(heading: &str) -> Vec<Vec<String>> {
    let page = fs::read_to_string(root().join(PAGE)).expect("the page");
    let (_, section) = page.split_once(&format!("\n{heading}\n")).expect("the heading");
    let section = section.split("\n## ").next().unwrap_or_default().split("\n### ").next().unwrap_or_default();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| row.split('|').skip(1).map(|cell| cell.trim().replace('`', "")).collect()).collect()
}

fn sources(directory: &Path, look: &mut impl FnMut(&Path, &str)) {
    for entry in fs::read_dir(directory).expect("a directory").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, look);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            look(&path, &fs::read_to_string(&path).expect("a text"));
        }
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
