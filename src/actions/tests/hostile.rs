//! Properties, parameters, templates, configurations and tokens that mean harm: each is refused with a sentence, or is
//! plain text.

use std::fs;
use std::os::unix::fs::symlink;

use tempfile::TempDir;

use super::job;
use crate::actions::fuzzing;
use crate::actions::properties::{DeployBlue, PropertyError, RunIsolatedTests, artifact_path, time_limit};
use crate::actions::stop::Stop;
use crate::actions::template::parse_configuration;
use crate::actions::values::{parse_environment, parse_parameters};
use crate::actions::workspace::{object, text_in};
use crate::ports::ActionKind;

#[track_caller]
fn refused<T: std::fmt::Debug>(read: Result<T, PropertyError>, why: &str) {
    let said = read.unwrap_err().to_string();
    assert!(said.contains(why), "{said}");
}

#[test]
fn parameters_that_mean_harm_are_refused() {
    for (text, why) in [
        ("[".repeat(200_000), "is not JSON: recursion limit exceeded"),
        ("{\"A\":".repeat(200_000), "is not JSON: recursion limit exceeded"),
        (r#"{"A":{"B":"#.repeat(60), "is not JSON"),
        (r#"{"A":1e999}"#.to_owned(), "is not JSON: number out of range"),
        (r#"{"A":"\ud800"}"#.to_owned(), "is not JSON"),
        ("{\"A\":\"\u{1}\"}".to_owned(), "is not JSON: control character"),
        (r#"{"A":NaN}"#.to_owned(), "is not JSON"),
        (r#"{"A":"x"} {"B":"y"}"#.to_owned(), "is not JSON: trailing characters"),
        ("\u{feff}{}".to_owned(), "is not JSON"),
        (r#"{"A":null}"#.to_owned(), "neither text nor a function"),
        (r#"{"A":{}}"#.to_owned(), "an object with exactly one member"),
        (r#"{"A":{"Fn::GetBlue":"a","Fn::GetLive":"b"}}"#.to_owned(), "an object with exactly one member"),
        (
            r#"{"A":{"Fn::GetParam":["Source","../../etc/passwd","k"]}}"#.to_owned(),
            "without .. and without a leading /",
        ),
        (r#"{"A":{"Fn::GetParam":["Source","/etc/passwd","k"]}}"#.to_owned(), "without .. and without a leading /"),
        (r#"{"A":{"Fn::GetParam":["..","f","k","l"]}}"#.to_owned(), "Fn::GetParam with [artifact, file, key]"),
        (r#"{"A":{"Fn::GetLive":["../other","Url"]}}"#.to_owned(), "must start with a letter"),
        (r#"{"A":{"Fn::Transform":{"Name":"AWS::Include"}}}"#.to_owned(), "a function that is not"),
        (r#"{"A":{"Ref":"AWS::AccountId"}}"#.to_owned(), "a function that is not"),
    ] {
        fuzzing::values(&text);
        refused(parse_parameters("ParameterOverrides", &text), why);
    }
}

#[test]
fn variables_that_mean_harm_are_refused() {
    for (text, why) in [
        (r#"[{"name":"A=B","value":"x"}]"#, "a name has only letters, digits and _"),
        (r#"[{"name":"A\u0000","value":"x"}]"#, "a name has only letters, digits and _"),
        (r#"[{"name":"","value":"x"}]"#, "a name has only letters, digits and _"),
        (r#"[{"name":"BLUESTAGE_VIEW","value":"/etc/passwd"}]"#, "are bluestage's own"),
        (r#"[{"name":"A","value":"x","type":"FILE"}]"#, "PLAINTEXT"),
        (r#"[{"name":"A","value":"x","roleArn":"arn"}]"#, "knows only name, value and type"),
        (r#"[{"value":"x"}]"#, "an entry without a name"),
        (r#"[[[[]]]]"#, "each entry must be an object"),
        (r#"{"A":"x"}"#, "must be a JSON array"),
    ] {
        fuzzing::values(text);
        refused(parse_environment("EnvironmentVariables", text), why);
    }
}

#[test]
fn files_that_are_named_stay_in_their_artifact() {
    for value in ["Source::..", "Source::a/../../b", "Source::/a", "Source::", "::a", "Source::./../a", "Source"] {
        refused(artifact_path("TemplatePath", value), "is \"");
    }
    let odd = artifact_path("TemplatePath", "Source::a::b").unwrap();
    assert_eq!((odd.artifact.as_str(), odd.path.to_str()), ("Source", Some("a::b")));
}

/// What is said of this file in an artifact that holds a few odd ones.
async fn said_of(file: &str) -> String {
    let home = TempDir::new().unwrap();
    let artifact = home.path().join("artifact");
    fs::create_dir_all(artifact.join("directory")).unwrap();
    fs::write(home.path().join("secret"), "outside").unwrap();
    fs::write(artifact.join("plain"), "inside").unwrap();
    fs::write(artifact.join("latin"), b"Description: caf\xe9").unwrap();
    fs::write(artifact.join("wide"), b"\xff\xfeD\0e\0s\0c\0").unwrap();
    fs::File::create(artifact.join("large")).unwrap().set_len(1_000_001).unwrap();
    fs::File::create(artifact.join("vast")).unwrap().set_len(1 << 40).unwrap();
    for (link, target) in [
        ("link", "plain"),
        ("up", "../secret"),
        ("far", "/etc/passwd"),
        ("endless", "/dev/zero"),
        ("circle", "circle"),
        ("door", ".."),
    ] {
        symlink(target, artifact.join(link)).unwrap();
    }
    let file = artifact_path("TemplatePath", &format!("Source::{file}")).unwrap();
    match text_in(&artifact, "TemplatePath", &file).await {
        Ok(text) => text,
        Err(Stop::Property(error)) => error.to_string(),
        Err(stop) => panic!("{stop:?}"),
    }
}

#[tokio::test]
async fn templates_that_mean_harm_are_refused() {
    for (file, why) in [
        ("missing", "is not in the artifact Source; it holds "),
        ("directory", "is not in the artifact Source"),
        ("up", "is not in the artifact Source"),
        ("far", "is not in the artifact Source"),
        ("endless", "is not in the artifact Source"),
        ("circle", "is not in the artifact Source"),
        ("door/secret", "is not in the artifact Source"),
        ("plain/deeper", "is not in the artifact Source"),
        ("large", "has 1000001 bytes; at most 1000000 are read"),
        ("vast", "has 1099511627776 bytes; at most 1000000 are read"),
        ("latin", "is not UTF-8 text"),
        ("wide", "is not UTF-8 text"),
    ] {
        let said = said_of(file).await;
        assert!(said.starts_with("property TemplatePath names ") && said.contains(why), "{said}");
    }
    assert_eq!((said_of("plain").await.as_str(), said_of("link").await.as_str()), ("inside", "inside"));
}

#[test]
fn configurations_that_mean_harm_are_refused() {
    for (text, why) in [
        ("{\"Parameters\":".repeat(200_000), "not JSON: recursion limit exceeded"),
        ("[".repeat(1_000_000), "not JSON: recursion limit exceeded"),
        ("[]".to_owned(), "not a JSON object"),
        ("\u{feff}{}".to_owned(), "not JSON"),
        ("Parameters: {A: !Ref B}".to_owned(), "not JSON"),
        (r#"{"Parameters":{"A":1e999}}"#.to_owned(), "not JSON: number out of range"),
        (r#"{"Parameters":{"A":{"Fn::GetParam":["Source","../x","k"]}}}"#.to_owned(), "a value that is not text"),
        (r#"{"Parameters":{"A":["x"]}}"#.to_owned(), "a value that is not text"),
        (r#"{"Parameters":"A"}"#.to_owned(), "Parameters that is not an object"),
        (r#"{"Tags":{"bluestage:stage":"prod"}}"#.to_owned(), "bluestage's own"),
        (r#"{"RoleArn":"arn:aws:iam::1:role/admin"}"#.to_owned(), "knows only Parameters and Tags"),
        (r#"{"StackPolicy":{"Statement":[]}}"#.to_owned(), "holds a StackPolicy"),
    ] {
        let read = object(&text).and_then(|members| parse_configuration(members).map_err(|error| error.to_string()));
        let said = read.unwrap_err();
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn properties_that_mean_harm_are_refused() {
    let zero = job(ActionKind::RunIsolatedTests, &[("Stage", "test"), ("Service", "shop"), ("Command", "a\0b")]);
    refused(RunIsolatedTests::of(&zero), "property Command holds a zero byte");
    let elsewhere = job(ActionKind::DeployBlue, &[("Stage", "../prod"), ("Service", "s"), ("TemplatePath", "S::t")]);
    refused(DeployBlue::of(&elsewhere), "property Stage");
    for minutes in ["-1", "0", "1e9", "18446744073709551616", "0x10", "٣"] {
        refused(time_limit(&job(ActionKind::DeployBlue, &[("TimeoutMinutes", minutes)])), "whole number");
    }
}

#[test]
fn tokens_that_mean_harm_are_refused() {
    let with = |member: &str, value: &str| {
        format!(r#"{{"schema":1,"execution":"0a1b2c3d-1111-4222-8333-444455556666","deadline":1,"{member}":{value}}}"#)
    };
    for token in [
        "[".repeat(200_000),
        with("deadline", "2"),
        with("deadline", "-1"),
        with("run", r#"{"id":"run-other-1","attempt":1,"invalid":0,"beat":0,"watched_millis":0}"#),
        with("run", r#"{"id":"../../stages/prod","attempt":1,"invalid":0,"beat":0,"watched_millis":0}"#),
        with("stack_id", "[]"),
        with("role", "\"arn\""),
    ] {
        fuzzing::token(&token);
        let job = crate::ports::Job { token: Some(token.clone()), ..job(ActionKind::RunIsolatedTests, &[]) };
        assert!(crate::actions::token::Carried::of(&job, 1, &crate::ports::Seal::none()).is_err(), "{token}");
    }
    fuzzing::token(&with("stack_id", "\"x\""));
}

#[test]
fn whatever_was_found_by_fuzzing_is_read() {
    for (folder, read) in [("values", fuzzing::values as fn(&str)), ("token", fuzzing::token)] {
        let corpus = format!("{}/tests/corpus/{folder}", env!("CARGO_MANIFEST_DIR"));
        let inputs: Vec<_> = fs::read_dir(corpus).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(!inputs.is_empty());
        inputs.iter().for_each(|input| read(&String::from_utf8_lossy(&fs::read(input).unwrap())));
    }
}
