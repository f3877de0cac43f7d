//! The console in a browser, in the world of the demo: what a person sees, and what comes of pressing its buttons.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::browser::Browser;
use crate::queue::{self, Gate};
use crate::sample_world;
use crate::world::{PipelineOptions, Source, World};

const SERVICES: [&str; 3] = ["billing", "inventory", "orders"];

/// What a tax of 0.91 instead of 0.19 does: billing fails its tests.
const TAX: (&str, &str) = (r#"TAX_RATE = Decimal("0.19")"#, r#"TAX_RATE = Decimal("0.91")"#);

/// In a page: names of controls and landmarks, order of headings, and that nothing is told by colour alone.
const ACCESSIBLE: &str = r#"
const faults = [];
const named = (e) => e.textContent.trim() || e.getAttribute("aria-label") || (e.labels && e.labels.length);
for (const e of document.querySelectorAll("a, button, input:not([type=hidden]), summary"))
  if (!named(e)) faults.push(`no name: ${e.outerHTML}`);
for (const name of ["header", "nav", "main", "footer"])
  if (!document.querySelector(name)) faults.push(`no ${name}`);
if (document.querySelectorAll("h1").length !== 1) faults.push("not one h1");
let level = 1;
for (const e of document.querySelectorAll("h1, h2, h3, h4")) {
  const own = Number(e.nodeName[1]);
  if (own > level + 1) faults.push(`h${level} is followed by ${e.outerHTML}`);
  level = own;
}
for (const e of document.querySelectorAll(".status"))
  if (!/[a-z]/.test(e.innerText)) faults.push(`a status without a word: ${e.outerHTML}`);
for (const e of document.querySelectorAll("table"))
  if (!e.querySelector("th[scope=col]") || !e.querySelector("th[scope=row]")) faults.push("a table without headings");
const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) faults.push(`twice: #${id}`);
for (const e of document.querySelectorAll("[aria-labelledby]"))
  if (!document.getElementById(e.getAttribute("aria-labelledby"))) faults.push(`unnamed: ${e.outerHTML}`);
return faults;
"#;

pub(crate) fn is_accessible(browser: &Browser) {
    assert_eq!(browser.evaluate(ACCESSIBLE), serde_json::json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_sees_three_pipelines_move_and_the_stage_that_they_move() {
    let Some(browser) = Browser::open() else { return };
    let world = sample_world().await;
    let gate = Gate::closed(&world);
    for service in SERVICES {
        world.push(service, &waiting(service, &gate)).await;
    }
    let console = &world.codepipeline_url;
    browser.go(console);
    for service in SERVICES {
        browser.until(&format!("#pipeline-{service}"), "Never started");
    }
    for service in SERVICES {
        browser.go(console);
        browser.click(&format!("#pipeline-{service} button"));
        browser.until("h1", service);
        browser.until("main > section:last-of-type", "By hand");
    }
    // From here on nothing is clicked: the page follows by itself.
    browser.go(console);
    browser.until("#live", "Live");
    browser.until("#pipeline-orders", "In progress");
    browser.keep("pipelines");
    is_accessible(&browser);
    browser.go(&format!("{console}/console/stages/test"));
    browser.until("#service-orders td[data-label=Blue]", "Waits for its tests to end");
    browser.until("#service-billing td[data-label='Pinned by others']", "(its tests)");
    browser.until(".runs", "Running");
    browser.keep("stage-under-test");
    gate.open("orders");
    browser.until("#service-orders td[data-label=Live]", "Live");
    browser.until(".events", "went live");
    browser.until("#service-billing td[data-label='Pinned by others']", "(its wiring)");
    is_accessible(&browser);
    browser.go(console);
    for service in SERVICES {
        browser.until(&format!("#pipeline-{service} header"), "Succeeded");
    }
    see_the_broken(&browser, &world).await;
}

/// The sample service; the tests of orders wait until they are let go.
fn waiting(service: &str, gate: &Gate) -> Source {
    let source = Source::sample(service);
    if service != "orders" {
        return source;
    }
    let shell = gate.wait_for("orders");
    let test =
        format!("import subprocess\n\ndef test_waits():\n    subprocess.run(['sh', '-c', {shell:?}], check=True)\n");
    source.with("tests/test_waits.py", &test)
}

/// A broken billing fails its tests: its page says so while it is open, and names them.
async fn see_the_broken(browser: &Browser, world: &World) {
    let console = &world.codepipeline_url;
    browser.go(&format!("{console}/console/pipelines/billing"));
    browser.until("#live", "Live");
    let execution = world.release("billing", &Source::sample("billing").changed("app.py", TAX.0, TAX.1)).await;
    browser.until("#stage-Release .error", "failed its tests");
    browser.until("#stage-Release > header", "Failed");
    browser.until("#stage-Release .error", "an_invoice_adds_the_tax");
    browser.keep("pipeline-failed");
    is_accessible(browser);
    browser.go(&format!("{console}/console/pipelines/billing/executions/{execution}"));
    browser.until("h1", &execution[..8]);
    browser.click(".attempts li:nth-child(2) details:first-of-type summary");
    browser.until(".attempts li:nth-child(2)", "ApiUrl");
    // What is opened stays open while the page follows.
    browser.keep("execution");
    is_accessible(browser);
    browser.go(&format!("{console}/console/stages/test"));
    browser.until(".runs", "failed");
    browser.keep("stage");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_approves_retries_and_stops_on_the_page() {
    let Some(browser) = Browser::open() else { return };
    let world = queue::world(&[], &[]).await;
    let file = world.home.path().join("mended");
    let options = PipelineOptions::service("shop").approved().test("Command", &format!("test -e {}", file.display()));
    world.create_pipeline("shop", &options).await;
    let execution = world.release("shop", &queue::source()).await;
    let page = format!("{}/console/pipelines/shop", world.codepipeline_url);
    browser.go(&page);
    browser.until("#stage-Approval", "Waits for an approval");
    // What is being typed stays, although the page changes every second.
    browser.write("#comment-Approve", "looks <b>good</b>");
    browser.until("#active", "In progress");
    browser.keep("approval");
    is_accessible(&browser);
    browser.click("#stage-Approval button[value=Approved]");
    browser.until("#stage-Approval .summary", "looks <b>good</b>");

    browser.until("#stage-Release > header", "Failed");
    browser.until("#stage-Release .error", "test");
    std::fs::write(&file, "").unwrap();
    browser.click("#stage-Release button[value=FAILED_ACTIONS]");
    browser.until("#stage-Release > header", "Succeeded");
    world.await_execution("shop", &execution).await.succeeded();

    // Without scripts, and by the keyboard alone: Enter opens, Tab goes on, Enter presses.
    let second = world.release("shop", &queue::source()).await;
    browser.without_scripts();
    browser.go(&page);
    browser.until_opened_anew(&page, "#stage-Approval", "Waits for an approval");
    browser.evaluate("document.querySelector('.active summary').focus()");
    browser.press("\u{e007}\u{e004}");
    browser.press("enough");
    browser.press("\u{e004}\u{e004}\u{e007}");
    browser.until_opened_anew(&page, &format!("#row-{second}"), "Stopped");
    let outcome = world.await_execution("shop", &second).await;
    assert_eq!(outcome.status.as_str(), "Stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_somebody_else_can_neither_press_a_button_nor_read_the_console() {
    let world = queue::world(&[], &[]).await;
    world.create_pipeline("shop", &PipelineOptions::service("shop")).await;
    let here = world.codepipeline_url.trim_start_matches("http://");
    let start = |headers: &str| request(here, &format!("POST /console/pipelines/shop/start HTTP/1.1\r\n{headers}"));
    let own = format!("Host: {here}\r\nOrigin: http://{here}\r\n");
    for headers in [
        format!("Host: {here}\r\nOrigin: http://evil.example\r\n"),
        format!("{own}Sec-Fetch-Site: cross-site\r\n"),
        format!("Host: {here}\r\nOrigin: null\r\n"),
        format!("Host: {here}\r\n"),
        "Host: evil.example\r\nOrigin: http://evil.example\r\n".to_owned(),
    ] {
        let answer = start(&headers);
        assert!(answer.starts_with("HTTP/1.1 403 "), "{headers}{answer}");
    }
    let read = request(here, "GET /console HTTP/1.1\r\nHost: evil.example\r\n");
    assert!(read.starts_with("HTTP/1.1 403 ") && !read.contains("shop"), "{read}");
    let listed = || world.codepipeline().list_pipeline_executions().pipeline_name("shop").send();
    assert_eq!(listed().await.unwrap().pipeline_execution_summaries().len(), 0);

    let api = format!(
        "POST / HTTP/1.1\r\nHost: {here}\r\nOrigin: http://evil.example\r\nX-Amz-Target: CodePipeline_20150709."
    );
    let answer = request_with(here, &format!("{api}StartPipelineExecution\r\n"), r#"{"name":"shop"}"#);
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    assert_eq!(listed().await.unwrap().pipeline_execution_summaries().len(), 0);

    let answer = start(&own);
    assert!(
        answer.starts_with("HTTP/1.1 303 ") && answer.contains("location: /console/pipelines/shop\r\n"),
        "{answer}"
    );
    assert_eq!(listed().await.unwrap().pipeline_execution_summaries().len(), 1);
    let page = request(here, &format!("GET /console HTTP/1.1\r\nHost: {here}\r\n"));
    assert!(page.contains("default-src 'none'") && !page.contains("<script>"), "{page}");
    // What cannot be done is told with its reason; what is not there is not found.
    let retry = "POST /console/pipelines/shop/executions/00000000-0000-4000-8000-000000000000/retry HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\n";
    let refused = request_with(here, &format!("{retry}{own}"), "stage=Release&mode=FAILED_ACTIONS");
    assert!(refused.starts_with("HTTP/1.1 400 ") && refused.contains("cannot be retried"), "{refused}");
    for path in ["/console/nowhere", "/console/pipelines/none", "/console/stages/none"] {
        let absent = request(here, &format!("GET {path} HTTP/1.1\r\nHost: {here}\r\n"));
        assert!(absent.starts_with("HTTP/1.1 404 "), "{absent}");
    }
}

pub(crate) fn request(to: &str, head: &str) -> String {
    let kind = if head.starts_with("POST") { "Content-Type: application/x-www-form-urlencoded\r\n" } else { "" };
    request_with(to, &format!("{head}{kind}"), "")
}

fn request_with(to: &str, head: &str, body: &str) -> String {
    let mut connection = TcpStream::connect(to).unwrap();
    let length = body.len();
    write!(connection, "{head}Connection: close\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    answer
}
