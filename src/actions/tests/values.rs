//! The little language of parameter values.

use serde_json::json;

use crate::actions::values::{ArtifactAttribute, Secrecy, Value, parse_environment, parse_parameters, wired_to};

fn parsed(value: serde_json::Value) -> Value {
    let text = json!({ "P": value }).to_string();
    parse_parameters("ParameterOverrides", &text).unwrap()["P"].clone()
}

/// Why the value is wrong.
fn wrong(value: serde_json::Value) -> String {
    let text = json!({ "P": value }).to_string();
    let error = parse_parameters("ParameterOverrides", &text).unwrap_err();
    assert_eq!(error.name, "ParameterOverrides");
    error.why
}

#[test]
fn texts_numbers_and_truths_are_texts() {
    assert_eq!(parsed(json!("x")), Value::Text("x".to_owned()));
    assert_eq!(parsed(json!("")), Value::Text(String::new()));
    assert_eq!(parsed(json!(4.5)), Value::Text("4.5".to_owned()));
    assert_eq!(parsed(json!(true)), Value::Text("true".to_owned()));
}

#[test]
fn each_function_is_understood() {
    for (name, attribute) in [
        ("BucketName", ArtifactAttribute::BucketName),
        ("ObjectKey", ArtifactAttribute::ObjectKey),
        ("URL", ArtifactAttribute::Url),
    ] {
        let Value::ArtifactAtt { artifact, attribute: told } = parsed(json!({"Fn::GetArtifactAtt": ["app", name]}))
        else {
            panic!("{name}");
        };
        assert_eq!((artifact.as_str(), told), ("app", attribute));
    }
    let Value::Param { file, key } = parsed(json!({"Fn::GetParam": ["app", "a/b.json", "K"]})) else {
        panic!("Fn::GetParam");
    };
    assert_eq!((file.artifact.as_str(), file.path.to_str(), key.as_str()), ("app", Some("a/b.json"), "K"));
    let live = Value::Live { service: "billing".parse().unwrap(), output: "Url".to_owned() };
    assert_eq!(parsed(json!({"Fn::GetLive": ["billing", "Url"]})), live);
    assert_eq!(parsed(json!({"Fn::GetBlue": "Version"})), Value::Blue("Version".to_owned()));
    assert_eq!(parsed(json!({"Fn::GetBlue": ["Version"]})), Value::Blue("Version".to_owned()));
}

#[test]
fn a_function_of_another_form_says_which_form_it_has() {
    for (value, form) in [
        (json!({"Fn::GetArtifactAtt": ["app", "Size"]}), "BucketName, ObjectKey or URL"),
        (json!({"Fn::GetArtifactAtt": "app"}), "[artifact, attribute]"),
        (json!({"Fn::GetParam": ["app", "file"]}), "[artifact, file, key]"),
        (json!({"Fn::GetLive": ["billing"]}), "[service, output]"),
        (json!({"Fn::GetLive": ["billing", 3]}), "[service, output]"),
        (json!({"Fn::GetBlue": {"a": "b"}}), "one text"),
        (json!({"Fn::ImportValue": "x"}), "Fn::GetLive or Fn::GetBlue"),
        (json!({"Fn::GetBlue": "Version", "and": "more"}), "exactly one member"),
        (json!({}), "exactly one member"),
        (json!(["x"]), "neither text nor a function"),
        (json!(null), "neither text nor a function"),
    ] {
        let told = wrong(value.clone());
        assert!(told.starts_with("gives P ") && told.contains(form), "{value}: {told}");
    }
}

#[test]
fn names_and_paths_in_a_function_are_checked() {
    assert!(wrong(json!({"Fn::GetLive": ["bil ling", "Url"]})).contains("not a service name"));
    assert!(wrong(json!({"Fn::GetParam": ["app", "../secret", "K"]})).contains("without .."));
}

#[test]
fn parameters_are_one_json_object() {
    for (text, why) in [("{", "is not JSON"), ("[]", "must be a JSON object"), ("3", "must be a JSON object")] {
        let told = parse_parameters("ParameterOverrides", text).unwrap_err().why;
        assert!(told.contains(why), "{text}: {told}");
    }
    assert!(parse_parameters("ParameterOverrides", "{}").unwrap().is_empty());
}

#[test]
fn variables_keep_their_order_and_may_be_functions() {
    let text = json!([
        {"name": "Z", "value": "1", "type": "PLAINTEXT"},
        {"name": "_a1", "value": {"Fn::GetBlue": "Version"}},
        {"name": "KEY", "value": "hunter22", "type": "SECRET"},
    ]);
    let variables = parse_environment("EnvironmentVariables", &text.to_string()).unwrap();
    let told: Vec<_> =
        variables.iter().map(|given| (given.name.as_str(), &given.value, given.secrecy == Secrecy::Hidden)).collect();
    let (plain, function, secret) =
        (Value::Text("1".into()), Value::Blue("Version".into()), Value::Text("hunter22".into()));
    assert_eq!(told, [("Z", &plain, false), ("_a1", &function, false), ("KEY", &secret, true)]);
}

#[test]
fn a_variable_of_another_form_says_what_is_wrong() {
    for (entry, why) in [
        (json!("A=1"), "must be an object"),
        (json!({"value": "1"}), "without a name"),
        (json!({"name": 3, "value": "1"}), "without a name"),
        (json!({"name": "1A", "value": "1"}), "no digit first"),
        (json!({"name": "A-B", "value": "1"}), "only letters, digits and _"),
        (json!({"name": "", "value": "1"}), "only letters, digits and _"),
        (json!({"name": "BLUESTAGE_STAGE", "value": "1"}), "bluestage's own"),
        (json!({"name": "A"}), "gives A no value"),
        (json!({"name": "A", "value": "1", "type": "PLAIN"}), "the types are PLAINTEXT"),
        (json!({"name": "A", "value": "1", "typ": "PLAINTEXT"}), "member \"typ\""),
        (json!({"name": "A", "value": null}), "neither text nor a function"),
    ] {
        let text = json!([entry]).to_string();
        let told = parse_environment("EnvironmentVariables", &text).unwrap_err().why;
        assert!(told.contains(why), "{entry}: {told}");
    }
}

#[test]
fn what_a_stack_is_wired_to_is_what_its_values_ask_for() {
    let live = |service: &str, output: &str| parsed(json!({"Fn::GetLive": [service, output]}));
    let values = [live("billing", "Url"), live("mail", "Url"), live("billing", "Arn"), parsed(json!("billing"))];
    let wired = wired_to(values.iter());
    let told: Vec<(&str, Vec<&str>)> = wired
        .iter()
        .map(|(service, outputs)| (service.as_str(), outputs.iter().map(String::as_str).collect()))
        .collect();
    assert_eq!(told, [("billing", vec!["Arn", "Url"]), ("mail", vec!["Url"])]);
}

#[test]
fn variables_are_one_json_array() {
    let told = parse_environment("EnvironmentVariables", "{}").unwrap_err().why;
    assert!(told.contains("must be a JSON array"), "{told}");
}
