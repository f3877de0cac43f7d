//! The W3C trace context of a pipeline execution.
//!
//! It follows from the execution's id alone: every job of the execution, on whatever worker, and every process that tests
//! it, is part of the same trace, with nobody having to carry it from one to the next; and what is asked of a build twice
//! is the same in every word. The trace's root is the pipeline execution itself, of which CodePipeline exports no span.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::release::Execution;

/// Which trace something is part of, and below which span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace.
    pub id: u128,
    /// The span that stands for the pipeline execution.
    pub parent: u64,
}

impl TraceContext {
    /// The trace of this pipeline execution: the digits of its id, which is a UUID. An id that is none is hashed.
    #[must_use]
    pub fn of(execution: &Execution) -> Self {
        let digits: String = execution.execution_id.chars().filter(|c| *c != '-').collect();
        let id = (digits.len() == 32).then(|| u128::from_str_radix(&digits, 16).ok()).flatten();
        let id = id.unwrap_or_else(|| hashed(&execution.execution_id)).max(1);
        // Its lower half. Neither may be zero.
        let parent = (id & u128::from(u64::MAX)) as u64;
        Self { id, parent: parent.max(1) }
    }
}

/// As the variable `TRACEPARENT` and the HTTP header have it: version 00, sampled.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-01", self.id, self.parent)
    }
}

fn hashed(text: &str) -> u128 {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(16).fold(0, |id, byte| (id << 8) | u128::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(id: &str) -> String {
        let execution = Execution {
            pipeline_arn: "arn".to_owned(),
            execution_id: id.to_owned(),
            action_execution_id: "a".to_owned(),
        };
        TraceContext::of(&execution).to_string()
    }

    #[test]
    fn a_trace_bears_the_digits_of_its_pipeline_execution() {
        let told = of("a09965da-6c4c-4a69-af03-ca0c8bc355d7");
        assert_eq!(told, "00-a09965da6c4c4a69af03ca0c8bc355d7-af03ca0c8bc355d7-01");
    }

    #[test]
    fn an_id_that_is_no_uuid_has_a_trace_of_its_own_all_the_same() {
        let (one, other) = (of("execution-1"), of("execution-2"));
        assert_eq!(one, of("execution-1"));
        assert_ne!(one, other);
        assert_eq!(one.len(), "00-a09965da6c4c4a69af03ca0c8bc355d7-af03ca0c8bc355d7-01".len());
        assert_eq!(of(&"0".repeat(32)), format!("00-{:032x}-{:016x}-01", 1, 1), "a zero is no trace");
    }
}
