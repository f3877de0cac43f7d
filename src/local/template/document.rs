//! A template as one JSON value, whether it was written in YAML or JSON.

use std::path::Path;

use serde_json::{Map, Value};
use serde_norway::Value as Yaml;

use super::LoadError;

/// Reads a file. The short tags of YAML templates (`!Ref`, `!Sub`) become the long functions.
pub(super) fn read(file: &Path) -> Result<Value, LoadError> {
    let text =
        std::fs::read_to_string(file).map_err(|error| LoadError::in_file(file, format!("cannot be read: {error}")))?;
    let json = file.extension().is_some_and(|extension| extension == "json");
    parse(&text, json).map_err(|message| LoadError::in_file(file, message))
}

fn parse(text: &str, json: bool) -> Result<Value, String> {
    if json {
        return serde_json::from_str(text).map_err(|error| format!("is not JSON: {error}"));
    }
    let yaml: Yaml = serde_norway::from_str(text).map_err(|error| format!("is not YAML: {error}"))?;
    to_json(yaml)
}

fn to_json(yaml: Yaml) -> Result<Value, String> {
    Ok(match yaml {
        Yaml::Null => Value::Null,
        Yaml::Bool(flag) => Value::Bool(flag),
        Yaml::String(text) => Value::String(text),
        Yaml::Number(number) => serde_json::to_value(&number).map_err(|error| error.to_string())?,
        Yaml::Sequence(items) => items.into_iter().map(to_json).collect::<Result<_, _>>()?,
        Yaml::Mapping(entries) => {
            let mut members = Map::new();
            for (key, value) in entries {
                members.insert(key_text(&key)?, to_json(value)?);
            }
            Value::Object(members)
        }
        Yaml::Tagged(tagged) => long_form(tagged.tag.to_string().trim_start_matches('!'), to_json(tagged.value)?),
    })
}

fn key_text(key: &Yaml) -> Result<String, String> {
    match key {
        Yaml::String(text) => Ok(text.clone()),
        Yaml::Number(number) => Ok(number.to_string()),
        Yaml::Bool(flag) => Ok(flag.to_string()),
        _ => Err("a key is neither a string nor a number".to_owned()),
    }
}

fn long_form(tag: &str, value: Value) -> Value {
    let name = match tag {
        "Ref" | "Condition" => tag.to_owned(),
        _ => format!("Fn::{tag}"),
    };
    // `!GetAtt Role.Arn` is the only short form whose argument looks different.
    let value = match (tag, &value) {
        ("GetAtt", Value::String(path)) => path.splitn(2, '.').map(Value::from).collect(),
        _ => value,
    };
    Value::Object(Map::from_iter([(name, value)]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn short_tags_become_long_functions() {
        let text = "a: !Ref B\nc: !GetAtt R.Arn\nd: !Sub '${B}-x'\ne: !If [Cond, 1, !Ref AWS::NoValue]\n";
        let expected = json!({
            "a": {"Ref": "B"},
            "c": {"Fn::GetAtt": ["R", "Arn"]},
            "d": {"Fn::Sub": "${B}-x"},
            "e": {"Fn::If": ["Cond", 1, {"Ref": "AWS::NoValue"}]},
        });
        assert_eq!(parse(text, false).unwrap(), expected);
    }

    #[test]
    fn templates_that_mean_harm_are_refused() {
        let laughs: String =
            (1..30).map(|n| format!("l{n}: &l{n} [{}]\n", format!("*l{},", n - 1).repeat(9))).collect();
        for (text, why) in [
            (format!("l0: &l0 [lol]\n{laughs}"), "repetition limit exceeded"),
            ("a: &a [*a]".to_owned(), "recursion limit exceeded"),
            ("[".repeat(5_000), "is not YAML"),
            ("- ".repeat(5_000), "is not YAML"),
            ("!Sub ".repeat(5_000), "is not YAML"),
            ("? [a]\n: b".to_owned(), "a key is neither a string nor a number"),
            ("a: 1\na: 2".to_owned(), "duplicate entry"),
            ("a: *nobody".to_owned(), "unknown anchor"),
            ("a: \u{0}".to_owned(), "is not YAML"),
        ] {
            let said = parse(&text, false).unwrap_err();
            assert!(said.contains(why), "{said}");
        }
        let said = parse(&"[".repeat(100_000), true).unwrap_err();
        assert!(said.contains("is not JSON: recursion limit exceeded"), "{said}");
    }
}
