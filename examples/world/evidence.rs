//! Fetches what proves something: a test run's own records, CodePipeline's times, what a service answers.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, SystemTime};

use aws_sdk_codepipeline::types::ActionExecutionStatus;
use bluestage::archive;
use bluestage::release::Version;
use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::{Value, json};

use super::Trouble;
use super::world::World;

/// How long a service may take to answer; its first call starts a process.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a test run has left in its output artifact.
pub(crate) struct Evidence {
    /// The versions that it was run with.
    pub(crate) certificate: Value,
    /// What its tests noted in their report, by name.
    pub(crate) noted: Vec<(String, String)>,
}

impl Evidence {
    /// What a test noted under this name.
    pub(crate) fn noted(&self, name: &str) -> Option<&str> {
        self.noted.iter().find(|(noted, _)| noted == name).map(|(_, value)| value.as_str())
    }
}

/// When a test run ran, in CodePipeline's own record of the action.
#[derive(Clone, Copy)]
pub(crate) struct Span {
    pub(crate) from: SystemTime,
    pub(crate) to: SystemTime,
    /// Whether it failed.
    pub(crate) failed: bool,
}

impl Span {
    /// The part of this span that the other one shares.
    pub(crate) fn shared_with(self, other: Self) -> Duration {
        let (from, to) = (self.from.max(other.from), self.to.min(other.to));
        to.duration_since(from).unwrap_or_default()
    }
}

/// Fetches and reads the output artifact of a test action.
pub(crate) async fn of_artifact(world: &World, (bucket, key): &(String, String)) -> Result<Evidence, Trouble> {
    let object = world.s3().get_object().bucket(bucket).key(key).send().await?;
    let home = tempfile::tempdir()?;
    let (file, content) = (home.path().join("results.zip"), home.path().join("results"));
    std::fs::write(&file, object.body.collect().await?.into_bytes())?;
    std::fs::create_dir(&content)?;
    archive::unpack(&file, &content)?;
    let certificate = serde_json::from_slice(&std::fs::read(content.join("certificate.json"))?)?;
    Ok(Evidence { certificate, noted: noted(&content.join("reports/reports/junit.xml"))? })
}

/// The `property` elements of a JUnit report.
fn noted(report: &Path) -> Result<Vec<(String, String)>, Trouble> {
    let text = std::fs::read_to_string(report)?;
    let mut reader = Reader::from_str(&text);
    let mut noted = Vec::new();
    loop {
        match reader.read_event()? {
            Event::Eof => return Ok(noted),
            Event::Empty(element) | Event::Start(element) if element.name().as_ref() == "property" => {
                let mut pair = (String::new(), String::new());
                for attribute in element.attributes() {
                    let attribute = attribute?;
                    let value = attribute.value.into_owned();
                    match attribute.key.as_ref() {
                        "name" => pair.0 = value,
                        "value" => pair.1 = value,
                        _ => {}
                    }
                }
                noted.push(pair);
            }
            _ => {}
        }
    }
}

/// When the tests of this pipeline execution ran, first attempt first.
pub(crate) async fn test_spans(world: &World, pipeline: &str, execution: &str) -> Result<Vec<Span>, Trouble> {
    let listed = world.codepipeline().list_action_executions().pipeline_name(pipeline).send().await?;
    let of_tests = listed.action_execution_details().iter().filter(|detail| {
        detail.pipeline_execution_id() == Some(execution) && detail.action_name() == Some("RunIsolatedTests")
    });
    let mut spans: Vec<Span> = of_tests
        .filter_map(|detail| {
            let failed = detail.status() == Some(&ActionExecutionStatus::Failed);
            let from = SystemTime::try_from(*detail.start_time()?).ok()?;
            let to = SystemTime::try_from(*detail.last_update_time()?).ok()?;
            Some(Span { from, to, failed })
        })
        .collect();
    spans.sort_by_key(|span| span.from);
    Ok(spans)
}

/// What a version's API answers to this request, once it is asked for real.
pub(crate) fn ask(version: &Version, path: &str, body: &Value) -> Result<Value, Trouble> {
    let url = version.outputs.get("ApiUrl").ok_or("the version has no output ApiUrl")?;
    let (host, base) = url
        .strip_prefix("http://")
        .and_then(|rest| rest.split_once('/'))
        .ok_or_else(|| format!("{url} is no address on this machine"))?;
    let body = body.to_string();
    let mut connection = TcpStream::connect(host)?;
    connection.set_read_timeout(Some(PATIENCE))?;
    // HTTP 1.0, so that the answer comes in one piece and ends with the connection.
    let request = format!(
        "POST /{base}{path} HTTP/1.0\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    connection.write_all(request.as_bytes())?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    let (_, body) = answer.split_once("\r\n\r\n").ok_or("the answer is not HTTP")?;
    serde_json::from_str(body).map_err(|error| format!("{url}{path} answered \"{body}\": {error}").into())
}

/// What this billing takes as tax on an item of 100.00, and which version says so.
pub(crate) fn tax_on_a_hundred(billing: &Version) -> Result<(String, String), Trouble> {
    let items = json!({"items": [{"quantity": 1, "unit_price": "100.00"}]});
    let answer = ask(billing, "/invoices", &items)?;
    let member = |name: &str| answer[name].as_str().map(str::to_owned);
    member("version").zip(member("tax")).ok_or_else(|| format!("billing answered {answer}").into())
}
