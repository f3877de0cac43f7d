//! Where a setting comes from: a flag, a variable, the configuration file, or its default; in this order.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// No S3 and no CodePipeline: whoever asks them says so, and that is how a verb shows which settings it has.
const NO_AWS: [(&str, &str); 5] = [
    ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
    ("AWS_REGION", "us-east-1"),
    ("AWS_ACCESS_KEY_ID", "test"),
    ("AWS_SECRET_ACCESS_KEY", "test"),
    ("AWS_EC2_METADATA_DISABLED", "true"),
];

/// How a run of the program ended.
struct Ended {
    code: Option<i32>,
    out: String,
    error: String,
}

/// A directory with a configuration file.
struct Configured {
    home: TempDir,
}

impl Configured {
    fn by(text: impl AsRef<[u8]>) -> Self {
        let home = tempfile::tempdir().expect("a temporary directory");
        fs::write(home.path().join("bluestage.toml"), text).expect("a file");
        Self { home }
    }

    fn file(&self) -> PathBuf {
        self.home.path().join("bluestage.toml")
    }

    /// Runs the program with the file named by the flag.
    fn run(&self, words: &[&str], variables: &[(&str, &str)]) -> Ended {
        let file = self.file();
        run(&[&["--config", text(&file)], words].concat(), variables)
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a text")
}

fn run(words: &[&str], variables: &[(&str, &str)]) -> Ended {
    let mut program = Command::new(env!("CARGO_BIN_EXE_bluestage"));
    program.args(words).env_clear().envs(NO_AWS).envs(variables.iter().copied()).stdin(Stdio::null());
    let output = program.output().expect("bluestage can be run");
    let told = |bytes| String::from_utf8(bytes).expect("text");
    Ended { code: output.status.code(), out: told(output.stdout), error: told(output.stderr) }
}

/// The format of log lines that is in force: `json` or `text`. Asking nobody for its health gives one line.
fn format_of(ended: &Ended) -> &'static str {
    assert_eq!(ended.code, Some(1), "{}", ended.error);
    assert!(ended.error.contains("nobody answers at 127.0.0.1:1"), "{}", ended.error);
    if ended.error.starts_with('{') { "json" } else { "text" }
}

#[test]
fn a_flag_wins_over_a_variable_that_wins_over_the_file_that_wins_over_the_default() {
    let ask = ["health", "--address", "1"];
    let format = |file: Option<&str>, variable: Option<&str>, flag: Option<&str>| {
        let configured = Configured::by(file.map(|value| format!("log-format = \"{value}\"")).unwrap_or_default());
        let variables: Vec<(&str, &str)> = variable.map(|value| ("BLUESTAGE_LOG_FORMAT", value)).into_iter().collect();
        let flags: Vec<&str> = flag.map(|value| ["--log-format", value]).into_iter().flatten().collect();
        format_of(&configured.run(&[&ask[..], &flags].concat(), &variables))
    };
    let (json, plain) = (Some("json"), Some("text"));
    assert_eq!(format(None, None, None), "text", "the default");
    assert_eq!(format(json, None, None), "json", "file over default");
    assert_eq!(format(None, json, None), "json", "variable over default");
    assert_eq!(format(None, None, json), "json", "flag over default");
    assert_eq!((format(plain, json, None), format(json, plain, None)), ("json", "text"), "variable over file");
    assert_eq!((format(plain, None, json), format(json, None, plain)), ("json", "text"), "flag over file");
    assert_eq!((format(None, plain, json), format(None, json, plain)), ("json", "text"), "flag over variable");
    assert_eq!((format(plain, plain, json), format(json, json, plain)), ("json", "text"), "flag over both");
}

#[test]
fn what_is_required_may_stand_in_the_file_and_is_overridden_there_too() {
    let configured = Configured::by("health-address = 1\n");
    let nobody = |ended: &Ended, port: u16| {
        let words = format!("nobody answers at 127.0.0.1:{port}");
        assert!(ended.code == Some(1) && ended.error.contains(&words), "{}", ended.error);
    };
    nobody(&configured.run(&["health"], &[]), 1);
    nobody(&configured.run(&["health"], &[("BLUESTAGE_HEALTH_ADDRESS", "2")]), 2);
    nobody(&configured.run(&["health", "--address", "3"], &[("BLUESTAGE_HEALTH_ADDRESS", "2")]), 3);
    let missing = run(&["health"], &[]);
    assert!(missing.code == Some(2) && missing.error.contains("--address"), "{}", missing.error);
}

#[test]
fn the_file_is_named_by_a_variable_too_and_the_flag_wins() {
    let (by_flag, by_variable) = (Configured::by("health-address = 1"), Configured::by("health-address = 2"));
    let file = by_variable.file();
    let variable = [("BLUESTAGE_CONFIG", text(&file))];
    assert!(run(&["health"], &variable).error.contains("127.0.0.1:2"));
    assert!(by_flag.run(&["health"], &variable).error.contains("127.0.0.1:1"));
    // Behind the verb it is the same flag.
    let file = by_flag.file();
    assert!(run(&["health", "--config", text(&file)], &variable).error.contains("127.0.0.1:1"));
}

#[test]
fn a_switch_of_the_file_can_be_turned_off_by_its_variable() {
    let remote = [("AWS_ENDPOINT_URL", "http://192.0.2.1:1")];
    let absent = r#"pipelines = ["/no/such/pipelines"]"#;
    let refused = Configured::by(absent).run(&["local"], &remote);
    assert!(refused.error.contains("not on this machine; set"), "{}", refused.error);
    let allowed = Configured::by(format!("allow-remote-s3 = true\n{absent}"));
    assert!(allowed.run(&["local"], &remote).error.contains("/no/such/pipelines"));
    let off = [remote[0], ("BLUESTAGE_LOCAL_ALLOW_REMOTE_S3", "false")];
    assert!(allowed.run(&["local"], &off).error.contains("not on this machine; set"));
}

#[test]
fn a_list_of_the_file_is_given_whole() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let here = text(home.path());
    for given in [format!(r#"["{here}", "/no/such/pipelines"]"#), format!(r#""{here}:/no/such/pipelines""#)] {
        let ended = Configured::by(format!("pipelines = {given}")).run(&["local"], &[]);
        assert!(ended.code == Some(1) && ended.error.contains("/no/such/pipelines"), "{given}: {}", ended.error);
    }
}

#[test]
fn a_key_or_value_that_is_wrong_is_told_with_its_file_line_and_key() {
    let wrong = [
        ("state = \"s3://bucket/x\"\nslot = 3", 2, &["no setting \"slot\"", "slots", "health-address"][..]),
        ("[worker]\nslots = 3", 1, &["no setting \"worker\"", "slots"]),
        ("slots = 0", 1, &["\"slots\"", "0 is not in 1..=1000"]),
        ("\n\nslots = \"x\"", 3, &["\"slots\"", "invalid"]),
        ("slots = [1]", 1, &["\"slots\" must be a text or a number, and is an array"]),
        ("slots = true", 1, &["\"slots\" must be a text or a number, and is true or false"]),
        ("lease-seconds = 2026-01-01", 1, &["\"lease-seconds\" must be a text or a number, and is a time"]),
        ("slots.at-most = 1", 1, &["\"slots\" must be a text or a number, and is a table"]),
        ("slots = 99999999999999999999", 1, &["\"slots\" is a number that is too large"]),
        ("test-read = [\"/a\", true]", 1, &["\"test-read\" must be a text or a number"]),
        ("no-start-on-create = \"yes\"", 1, &["\"no-start-on-create\" must be true or false, and is a text"]),
        ("log-format = \"xml\"", 1, &["\"log-format\"", "possible values: text, json"]),
        ("state = \"bucket\"", 1, &["\"state\"", "s3://bucket/prefix"]),
        ("slots = 1\nslots = 2", 2, &["duplicate key: slots"]),
        ("slots = 1\nlog = info", 2, &["no TOML"]),
        ("log = \"info", 1, &["no TOML"]),
        ("force = true", 1, &["\"force\" is no setting: it is said in each call, as --force"]),
        ("config = \"more.toml\"", 1, &["no setting \"config\""]),
        (
            "token-key = \"0123456789012345678901234567890123\"",
            1,
            &["\"token-key\" is a secret", "BLUESTAGE_TOKEN_KEY"],
        ),
    ];
    for (given, line, words) in wrong {
        let configured = Configured::by(given);
        // Whatever the verb has to do with the setting.
        for verb in [&["status"][..], &["completions", "bash"]] {
            let ended = configured.run(verb, &[]);
            assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""), "{given}: {}", ended.error);
            let place = format!("error: {}, line {line}: ", configured.file().display());
            assert!(ended.error.starts_with(&place), "{given}: {}", ended.error);
            for words in words {
                assert!(ended.error.contains(words), "{given}: {words} is not in {}", ended.error);
            }
            assert!(!ended.error.contains("0123456789"), "a secret is not repeated: {}", ended.error);
        }
    }
}

#[test]
fn a_file_that_cannot_be_read_or_is_none_is_told() {
    let refused = |ended: &Ended, words: &str| {
        assert!(ended.code == Some(2) && ended.error.contains(words), "{words} is not in {}", ended.error);
    };
    refused(&run(&["--config", "/no/such/file", "status"], &[]), "/no/such/file cannot be read: No such file");
    let home = tempfile::tempdir().expect("a temporary directory");
    let directory = text(home.path());
    refused(&run(&["--config", directory, "status"], &[]), &format!("{directory} cannot be read: Is a directory"));
    let large = Configured::by("#".repeat((64 << 10) + 1));
    refused(&large.run(&["status"], &[]), "bluestage.toml is larger than 64 KiB");
    refused(&Configured::by(b"slots = 1\nlog = \"\xff\"").run(&["status"], &[]), "line 2: this is no text in UTF-8");
    refused(&run(&["health"], &[("BLUESTAGE_CONFIG", "")]), "--config");
}

#[test]
fn help_and_the_verbs_of_the_worker_itself_need_no_file() {
    let nowhere = [("BLUESTAGE_CONFIG", "/no/such/file")];
    let help = run(&["worker", "--help"], &nowhere);
    assert!(help.code == Some(0) && help.out.contains("--config"), "{}", help.error);
    for verb in ["run-command", "run-supervisor"] {
        let ended = run(&[verb], &nowhere);
        assert!(!ended.error.contains("/no/such/file"), "{verb}: {}", ended.error);
    }
}

#[test]
fn every_verb_reads_the_file() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let at = taken.local_addr().expect("an address");
    let state = "state = \"s3://bucket/state\"\nstage = \"test\"\n";
    let refused = format!("health-address = \"{at}\"\nlisten = \"{at}\"\n{state}");
    let manual = tempfile::tempdir().expect("a temporary directory");
    let manual = text(manual.path());
    // What each says when it has its settings from the file: it gets as far as what is not there.
    let verbs: [(&[&str], i32, &str); 13] = [
        (&["worker"], 1, "could not listen at --health-address"),
        (&["health", "--address", "1"], 1, "nobody answers"),
        (&["status"], 1, "stage test"),
        (&["explain", "orders"], 1, "stage test"),
        (&["switch-back", "orders"], 1, "stage test"),
        (&["rebind", "orders"], 1, "stage test"),
        (&["sweep"], 1, "s3://bucket/state"),
        (&["actions", "register"], 1, "action types"),
        (&["actions", "show"], 1, "action types"),
        (&["actions", "deregister"], 1, "action type"),
        (&["local"], 1, "Address already in use"),
        (&["completions", "bash"], 0, ""),
        (&["manual", manual], 0, ""),
    ];
    let configured = Configured::by(format!("log-format = \"json\"\n{refused}"));
    for (verb, code, words) in verbs {
        let ended = configured.run(verb, &[]);
        assert_eq!(ended.code, Some(code), "{verb:?}: {}", ended.error);
        let lines: Vec<&str> = ended.error.lines().collect();
        assert!(lines.iter().all(|line| line.starts_with('{')), "{verb:?} logs as the file says: {lines:?}");
        assert!(ended.error.contains(words), "{verb:?}: {words} is not in {}", ended.error);
    }
}
