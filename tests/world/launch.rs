//! Starts the local CodePipeline, and adds to command lines what every world has and a test does not change.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::{ARTIFACT_BUCKET, Options, Process, SOURCE_BUCKET, STATE_BUCKET, aws_environment};

/// Starts it, listening at `listen`, and tells where that is.
pub(super) fn start_local(
    (bluestage, home): (&Path, &Path),
    listen: &str,
    (aws_url, options): (&str, &Options),
) -> (Process, String) {
    let mut command = Command::new(bluestage);
    command.args(["local", "--listen", listen]);
    for pipelines in &options.pipelines {
        command.arg("--pipelines").arg(pipelines);
    }
    // A parameter that no template declares would be refused.
    if !options.pipelines.is_empty() {
        add_parameters(&mut command, aws_url);
    }
    let state = format!("s3://{STATE_BUCKET}/state");
    let usual = [("--continuation-seconds", "0.2"), ("--state", &state)];
    add_flags(&mut command, &usual, &options.local_flags);
    let mut process = Process::start("local", command, home, &aws_environment(aws_url));
    let line = process.first_line();
    let ready: Value = serde_json::from_str(&line).expect("one JSON line");
    let url = ready["listening"].as_str().expect("where it listens").to_owned();
    (process, url)
}

/// What the sample pipelines need to know of this world.
fn add_parameters(command: &mut Command, aws_url: &str) {
    for (name, value) in [
        ("ArtifactBucket", ARTIFACT_BUCKET),
        ("SourceBucket", SOURCE_BUCKET),
        ("ApiBase", aws_url),
        ("PollForSourceChanges", "false"),
    ] {
        command.arg("--parameter").arg(format!("{name}={value}"));
    }
}

/// Adds the flags that a test gives, and the usual ones that it does not.
pub(super) fn add_flags(command: &mut Command, usual: &[(&str, &str)], given: &[String]) {
    for (name, value) in usual {
        if !given.iter().any(|flag| flag == name) {
            command.args([name, value]);
        }
    }
    command.args(given);
}
