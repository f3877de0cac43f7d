//! A headless Chromium of one's own, by the WebDriver protocol, in as many words of it as the tests need.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::world::{Process, root};

/// How long a page may take to show something; a busy machine takes its time to release a service.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long the browser may take to start and to answer.
const BROWSER_PATIENCE: Duration = Duration::from_secs(60);

/// The sizes and colours in which pages are looked at.
#[derive(Clone, Copy)]
pub(crate) enum Look {
    Desktop,
    DesktopDark,
    Phone,
    PhoneDark,
}

impl Look {
    pub(crate) const ALL: [Self; 4] = [Self::Desktop, Self::DesktopDark, Self::Phone, Self::PhoneDark];

    fn name(self) -> &'static str {
        match self {
            Self::Desktop => "desktop-light",
            Self::DesktopDark => "desktop-dark",
            Self::Phone => "phone-light",
            Self::PhoneDark => "phone-dark",
        }
    }

    fn width(self) -> u32 {
        match self {
            Self::Desktop | Self::DesktopDark => 1280,
            Self::Phone | Self::PhoneDark => 390,
        }
    }

    fn scheme(self) -> &'static str {
        match self {
            Self::Desktop | Self::Phone => "light",
            Self::DesktopDark | Self::PhoneDark => "dark",
        }
    }
}

/// A running browser; it ends with this value.
pub(crate) struct Browser {
    // Dropped in this order: the driver first, then the directories it uses.
    driver: Process,
    port: u16,
    session: String,
    home: TempDir,
}

impl Browser {
    /// Starts one; `None`, and a line that says so, on a machine without Chromium.
    pub(crate) fn open() -> Option<Self> {
        let (Some(chromium), Some(driver)) = (program("chromium"), program("chromedriver")) else {
            // Past the capture of what tests print: nobody is to believe that the console was looked at.
            let words = b"SKIPPED: no browser test was run, because chromium and chromedriver are not installed \
                          (Debian: apt-get install chromium chromium-driver)\n";
            std::io::stderr().write_all(words).unwrap();
            return None;
        };
        let home = tempfile::Builder::new().prefix("browser-").tempdir().unwrap();
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let mut command = Command::new(driver);
        command.arg(format!("--port={port}"));
        let path = ("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin".to_owned());
        let own = ("HOME".to_owned(), home.path().display().to_string());
        let driver = Process::start("chromedriver", command, home.path(), &[path, own]);
        let mut browser = Self { driver, port, session: String::new(), home };
        browser.begin(&chromium);
        Some(browser)
    }

    fn begin(&mut self, chromium: &Path) {
        let deadline = Instant::now() + BROWSER_PATIENCE;
        while self.try_ask("GET", "/status", &Value::Null).is_none() {
            assert!(Instant::now() < deadline, "chromedriver does not answer: {}", self.driver.logged());
            std::thread::sleep(Duration::from_millis(50));
        }
        let profile = format!("--user-data-dir={}", self.home.path().join("profile").display());
        let arguments: Vec<&str> = crate::chromium::ARGUMENTS.iter().copied().chain([profile.as_str()]).collect();
        let options = json!({"binary": chromium, "args": arguments});
        let wanted = json!({"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options}});
        let made = self.ask("POST", "/session", &json!({"capabilities": wanted}));
        self.session = format!("/session/{}", made["sessionId"].as_str().unwrap());
    }

    pub(crate) fn go(&self, url: &str) {
        self.command("url", &json!({"url": url}));
    }

    /// What JavaScript returns in the page.
    pub(crate) fn evaluate(&self, script: &str) -> Value {
        self.command("execute/sync", &json!({"script": script, "args": []}))
    }

    /// The text of the first element that fits, as a person sees it; empty if there is none.
    pub(crate) fn text(&self, selector: &str) -> String {
        let script = format!("return document.querySelector({})?.innerText ?? ''", json!(selector));
        self.evaluate(&script).as_str().unwrap().to_owned()
    }

    /// Waits until the text of an element holds these words.
    pub(crate) fn until(&self, selector: &str, words: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let text = self.text(selector);
            if text.contains(words) {
                return;
            }
            assert!(Instant::now() < deadline, "{selector} does not say \"{words}\" but \"{text}\"");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The same for a page that does not change by itself: it is opened again and again.
    pub(crate) fn until_opened_anew(&self, url: &str, selector: &str, words: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.text(selector).contains(words) {
            assert!(Instant::now() < deadline, "{selector} does not say \"{words}\" but \"{}\"", self.text(selector));
            std::thread::sleep(Duration::from_millis(200));
            self.go(url);
        }
    }

    /// Clicks as a person does: on what can be seen and reached.
    pub(crate) fn click(&self, selector: &str) {
        let element = self.element(selector);
        self.command(&format!("element/{element}/click"), &json!({}));
    }

    pub(crate) fn write(&self, selector: &str, text: &str) {
        let element = self.element(selector);
        self.command(&format!("element/{element}/value"), &json!({"text": text}));
    }

    /// Presses keys wherever the focus is.
    pub(crate) fn press(&self, keys: &str) {
        let actions: Vec<Value> = keys
            .chars()
            .flat_map(|key| ["keyDown", "keyUp"].map(|kind| json!({"type": kind, "value": key.to_string()})))
            .collect();
        self.command("actions", &json!({"actions": [{"type": "key", "id": "keyboard", "actions": actions}]}));
    }

    /// From the next page on, pages run no scripts of theirs.
    pub(crate) fn without_scripts(&self) {
        self.chromium("Emulation.setScriptExecutionDisabled", json!({"value": true}));
    }

    /// Sets size and colours.
    pub(crate) fn look(&self, look: Look) {
        let (width, phone) = (look.width(), look.width() < 600);
        let size = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": phone});
        self.chromium("Emulation.setDeviceMetricsOverride", size);
        let scheme = json!({"name": "prefers-color-scheme", "value": look.scheme()});
        self.chromium("Emulation.setEmulatedMedia", json!({"features": [scheme]}));
    }

    /// Keeps what the whole page looks like in `target/screenshots/`, in every size and colour. Nothing is wider than
    /// the screen.
    pub(crate) fn keep(&self, name: &str) {
        let directory = root().join("target/screenshots");
        std::fs::create_dir_all(&directory).unwrap();
        for look in Look::ALL {
            self.look(look);
            let height = self.evaluate("return Math.ceil(document.documentElement.getBoundingClientRect().height)");
            let wide =
                self.evaluate("return document.documentElement.scrollWidth - document.documentElement.clientWidth");
            assert_eq!(wide, 0, "{name} is wider than the screen in {}", look.name());
            let clip = json!({"x": 0, "y": 0, "width": look.width(), "height": height, "scale": 1});
            let asked = json!({"captureBeyondViewport": true, "clip": clip});
            let taken = self.chromium("Page.captureScreenshot", asked);
            let image = base64(taken["data"].as_str().unwrap());
            std::fs::write(directory.join(format!("{name}-{}.png", look.name())), image).unwrap();
        }
        self.look(Look::Desktop);
    }

    fn chromium(&self, command: &str, parameters: Value) -> Value {
        self.command("goog/cdp/execute", &json!({"cmd": command, "params": parameters}))
    }

    fn element(&self, selector: &str) -> String {
        let found = self.command("element", &json!({"using": "css selector", "value": selector}));
        found.as_object().unwrap().values().next().unwrap().as_str().unwrap().to_owned()
    }

    fn command(&self, name: &str, body: &Value) -> Value {
        self.ask("POST", &format!("{}/{name}", self.session), body)
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, answer) = self.try_ask(method, path, body).expect("chromedriver answers");
        assert_eq!(status, 200, "{method} {path} {body}: {answer}");
        answer["value"].clone()
    }

    /// Status and body of one request; `None` if nobody listens yet.
    fn try_ask(&self, method: &str, path: &str, body: &Value) -> Option<(u16, Value)> {
        let mut connection = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        connection.set_read_timeout(Some(BROWSER_PATIENCE)).ok()?;
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            self.port,
            body.len()
        );
        connection.write_all(request.as_bytes()).ok()?;
        // The driver does not end the connection, so its answer is as long as it says.
        let mut lines = BufReader::new(connection);
        let (mut head, mut length) = (String::new(), 0);
        while !head.ends_with("\r\n\r\n") {
            let start = head.len();
            lines.read_line(&mut head).ok().filter(|read| *read > 0)?;
            if let Some((name, value)) = head[start..].split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().ok()?;
            }
        }
        let mut body = vec![0; length];
        lines.read_exact(&mut body).ok()?;
        Some((head.split(' ').nth(1)?.parse().ok()?, serde_json::from_slice(&body).ok()?))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Lets the driver end its browser, which is in a process group of its own.
        let _ = self.try_ask("DELETE", &self.session, &Value::Null);
    }
}

fn program(name: &str) -> Option<PathBuf> {
    let directories = ["/usr/local/bin", "/usr/bin"].map(PathBuf::from);
    directories.into_iter().map(|directory| directory.join(name)).find(|path| path.exists())
}

fn base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = text.bytes().filter_map(|byte| DIGITS.iter().position(|digit| *digit == byte));
    let mut bytes = Vec::new();
    let (mut held, mut bits) = (0_usize, 0);
    for digit in digits {
        held = (held << 6 | digit) & 0xFFFF;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(held >> bits & 0xFF).unwrap());
        }
    }
    bytes
}
