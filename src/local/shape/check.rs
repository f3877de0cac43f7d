//! Checks a value against its shape and words the violations as the service does.

use serde_json::Value;

use super::{Member, Shape, Text};
use crate::local::error::{ApiError, ErrorKind};

/// Checks `value`; every violation is in the one error.
pub(crate) fn violations(value: &Value, shape: &Shape) -> Result<(), ApiError> {
    let mut found = Found::default();
    found.check("", value, shape);
    if let Some(place) = found.mistyped {
        let message = format!("The value at '{place}' does not have the type of the service model");
        return Err(ErrorKind::Serialization.because(message));
    }
    match found.violated.len() {
        0 => Ok(()),
        1 => Err(detected("1 validation error", &found.violated)),
        n => Err(detected(&format!("{n} validation errors"), &found.violated)),
    }
}

fn detected(count: &str, violated: &[String]) -> ApiError {
    ErrorKind::Validation.because(format!("{count} detected: {}", violated.join("; ")))
}

#[derive(Default)]
struct Found {
    violated: Vec<String>,
    mistyped: Option<String>,
}

impl Found {
    fn check(&mut self, at: &str, value: &Value, shape: &Shape) {
        match (shape, value) {
            (Shape::Text(text), Value::String(s)) => self.text(at, s, text),
            (Shape::OneOf(names), Value::String(s)) => {
                if !names.contains(&s.as_str()) {
                    let set = names.join(", ");
                    self.violate(at, Some(s), &format!("satisfy enum value set: [{set}]"));
                }
            }
            (Shape::Whole(min, max), Value::Number(n)) if n.is_i64() => {
                self.whole(at, n.as_i64().unwrap_or_default(), (*min, *max));
            }
            (Shape::Flag, Value::Bool(_)) | (Shape::Time, Value::Number(_)) => {}
            (Shape::List { of, min, max }, Value::Array(items)) => {
                self.length(at, items.len(), (*min, *max));
                for (index, item) in items.iter().enumerate() {
                    self.check(&format!("{at}.{}.member", index + 1), item, of);
                }
            }
            (Shape::Map { .. }, Value::Object(entries)) => self.map(at, entries, shape),
            (Shape::Object(members), Value::Object(entries)) => self.object(at, entries, members),
            _ => self.mistyped = Some(at.trim_start_matches('.').to_owned()),
        }
    }

    fn text(&mut self, at: &str, value: &str, text: &Text) {
        let quoted = (!text.hidden).then_some(value);
        let length = value.chars().count();
        if length < text.min {
            let rule = format!("have length greater than or equal to {}", text.min);
            self.violate(at, quoted, &rule);
        } else if length > text.max {
            let rule = format!("have length less than or equal to {}", text.max);
            self.violate(at, quoted, &rule);
        }
        if let Some(pattern) = text.pattern
            && !(text.fits)(value)
        {
            self.violate(at, quoted, &format!("satisfy regular expression pattern: {pattern}"));
        }
    }

    fn whole(&mut self, at: &str, value: i64, (min, max): (i64, i64)) {
        let quoted = value.to_string();
        if value < min {
            let rule = format!("have value greater than or equal to {min}");
            self.violate(at, Some(&quoted), &rule);
        } else if value > max {
            let rule = format!("have value less than or equal to {max}");
            self.violate(at, Some(&quoted), &rule);
        }
    }

    fn length(&mut self, at: &str, length: usize, (min, max): (usize, usize)) {
        if length < min {
            let rule = format!("have length greater than or equal to {min}");
            self.violate(at, None, &rule);
        } else if length > max {
            self.violate(at, None, &format!("have length less than or equal to {max}"));
        }
    }

    fn map(&mut self, at: &str, entries: &serde_json::Map<String, Value>, shape: &Shape) {
        let Shape::Map { key, value, max } = shape else {
            return;
        };
        self.length(at, entries.len(), (0, *max));
        for (name, entry) in entries {
            self.text(&format!("{at}.key"), name, key);
            self.check(&format!("{at}.{name}.member"), entry, value);
        }
    }

    fn object(&mut self, at: &str, entries: &serde_json::Map<String, Value>, members: &[Member]) {
        for member in members {
            let place = format!("{at}.{}", member.name);
            match entries.get(member.name) {
                None | Some(Value::Null) if member.required => self.violated.push(format!(
                    "Value null at '{}' failed to satisfy constraint: Member must not be null",
                    place.trim_start_matches('.')
                )),
                None | Some(Value::Null) => {}
                Some(value) => self.check(&place, value, member.shape),
            }
        }
    }

    fn violate(&mut self, at: &str, value: Option<&str>, rule: &str) {
        let at = at.trim_start_matches('.');
        let quoted = value.map(|v| format!(" '{v}'")).unwrap_or_default();
        self.violated.push(format!("Value{quoted} at '{at}' failed to satisfy constraint: Member must {rule}"));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{CUSTOM_ACTION_TYPE, of_operation};
    use super::*;

    #[test]
    fn all_violations_are_in_one_message_worded_as_the_service_words_them() {
        let shape = of_operation("PollForJobs").unwrap();
        let input =
            json!({"actionTypeId": {"category": "Dance", "owner": "Custom", "provider": "a b", "version": "1"}});
        let refused = violations(&input, shape).unwrap_err();
        assert_eq!(
            refused.message,
            "2 validation errors detected: Value 'Dance' at 'actionTypeId.category' failed to satisfy constraint: \
             Member must satisfy enum value set: [Source, Build, Deploy, Test, Invoke, Approval, Compute]; \
             Value 'a b' at 'actionTypeId.provider' failed to satisfy constraint: \
             Member must satisfy regular expression pattern: [0-9A-Za-z_-]+"
        );
    }

    #[test]
    fn a_missing_member_is_named() {
        let refused = violations(&json!({"category": "Test"}), &CUSTOM_ACTION_TYPE).unwrap_err();
        assert!(refused.message.contains("Value null at 'provider'"), "{refused}");
    }

    #[test]
    fn a_value_of_another_type_is_no_validation_error_but_cannot_be_read_at_all() {
        let shape = of_operation("GetPipeline").unwrap();
        let refused = violations(&json!({"name": 7}), shape).unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Serialization);
    }

    #[test]
    fn a_configuration_value_is_never_quoted_because_it_may_be_secret() {
        let shape = of_operation("CreatePipeline").unwrap();
        let secret = "s".repeat(1001);
        let input = json!({"pipeline": {"name": "p", "roleArn": "arn:aws:iam::000000000000:role/r", "stages": [
            {"name": "s", "actions": [{"name": "a", "configuration": {"Password": secret},
             "actionTypeId": {"category": "Test", "owner": "Custom", "provider": "p", "version": "1"}}]}]}});
        let refused = violations(&input, shape).unwrap_err();
        assert!(refused.message.contains("less than or equal to 1000"), "{refused}");
        assert!(!refused.message.contains(&secret));
    }
}
