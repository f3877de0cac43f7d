//! A verdict in CodePipeline's form: `PutJobSuccessResult` and `PutJobFailureResult` of its API reference.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_codepipeline::error::BuildError;
use aws_sdk_codepipeline::operation::put_job_success_result::builders::PutJobSuccessResultFluentBuilder;
use aws_sdk_codepipeline::types::{ExecutionDetails, FailureDetails, FailureType};

use crate::ports::{Cause, Continuation, Done, Failure, Text};

/// All output variables of an action together (CodePipeline user guide, "Quotas"). One byte more and the whole success
/// is refused, so a few large stack outputs would fail a good deployment.
const MOST_VARIABLE_BYTES: usize = 122_880;

/// The job is over, the action goes on.
pub(super) fn progress(
    request: PutJobSuccessResultFluentBuilder,
    more: &Continuation,
) -> PutJobSuccessResultFluentBuilder {
    let details = ExecutionDetails::builder()
        .set_summary(given(&more.summary))
        .set_external_execution_id(given(&more.external_id));
    request.continuation_token(more.token.as_str()).execution_details(details.build())
}

/// The action is done. Only this answer may carry variables, and only without a token.
pub(super) fn success(request: PutJobSuccessResultFluentBuilder, done: &Done) -> PutJobSuccessResultFluentBuilder {
    let details = ExecutionDetails::builder()
        .set_summary(given(&done.summary))
        .set_external_execution_id(given(&done.external_id))
        .percent_complete(100);
    let variables: HashMap<_, _> = sendable(&done.variables).map(|(key, value)| (key.clone(), value.clone())).collect();
    request.set_output_variables((!variables.is_empty()).then_some(variables)).execution_details(details.build())
}

/// The action failed.
pub(super) fn failure(failure: &Failure) -> Result<FailureDetails, BuildError> {
    let message =
        given(&failure.message).unwrap_or_else(|| "bluestage gave no reason, which is a bug in bluestage".to_owned());
    FailureDetails::builder()
        .r#type(failure_type(failure.cause))
        .message(message)
        .set_external_execution_id(failure.external_id.as_ref().and_then(given))
        .build()
}

/// Whom CodePipeline's console and its rules shall believe to be at fault.
fn failure_type(cause: Cause) -> FailureType {
    match cause {
        Cause::Misconfigured => FailureType::ConfigurationError,
        Cause::Denied => FailureType::PermissionError,
        Cause::DeployFailed | Cause::TestsFailed | Cause::Bug => FailureType::JobFailed,
        Cause::OutOfDate => FailureType::RevisionOutOfSync,
        Cause::ArtifactGone => FailureType::RevisionUnavailable,
        Cause::Unavailable => FailureType::SystemUnavailable,
    }
}

/// CodePipeline refuses an answer with an empty text in it; leaving the text out is allowed.
fn given<const MOST: usize>(text: &Text<MOST>) -> Option<String> {
    let text = text.as_str();
    (!text.is_empty()).then(|| text.to_owned())
}

/// The variables that CodePipeline takes. Others are left out and logged: an action that succeeded must not fail for
/// the name or the size of a stack output that perhaps nobody reads. The smallest go first, because names and ids are
/// what pipelines hand on.
fn sendable(all: &BTreeMap<String, String>) -> impl Iterator<Item = (&String, &String)> {
    let mut variables: Vec<_> = all.iter().collect();
    variables.sort_by_key(|(key, value)| key.len() + value.len());
    let mut room = MOST_VARIABLE_BYTES;
    variables.into_iter().filter(move |(key, value)| {
        let size = key.len() + value.len();
        let fits = size <= room;
        if !is_key(key) {
            tracing::warn!(variable = %key, "an output variable was left out: CodePipeline does not take its name");
        } else if fits {
            room -= size;
        } else {
            tracing::warn!(variable = %key, bytes = size, "an output variable was left out: there is no room for it");
        }
        fits && is_key(key)
    })
}

/// `OutputVariablesKey`: `[A-Za-z0-9@\-_]+`.
fn is_key(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || "@-_".contains(c))
}

#[cfg(test)]
mod tests {
    use aws_sdk_codepipeline::config::BehaviorVersion;
    use aws_sdk_codepipeline::{Client, Config};

    use super::*;
    use crate::ports::Token;

    fn request() -> PutJobSuccessResultFluentBuilder {
        let config = Config::builder().behavior_version(BehaviorVersion::latest());
        Client::from_conf(config.build()).put_job_success_result()
    }

    fn done(variables: &[(&str, &str)]) -> Done {
        Done {
            external_id: Text::cut("stack-1"),
            summary: Text::cut("v7 is live"),
            variables: variables.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect(),
        }
    }

    #[test]
    fn a_continuation_carries_its_token_and_no_variables() {
        let more = Continuation {
            token: Token::new("go on".to_owned()).unwrap(),
            external_id: Text::cut(""),
            summary: Text::cut("waiting for the stack"),
        };
        let sent = progress(request(), &more);
        assert_eq!(sent.get_continuation_token().as_deref(), Some("go on"));
        assert!(sent.get_output_variables().is_none());
        let details = sent.get_execution_details().clone().unwrap();
        assert_eq!(details.summary(), Some("waiting for the stack"));
        assert_eq!(details.external_execution_id(), None);
    }

    #[test]
    fn a_success_carries_variables_and_no_token() {
        let sent = success(request(), &done(&[("StackName", "test-orders-v7")]));
        assert!(sent.get_continuation_token().is_none());
        let variables = sent.get_output_variables().clone().unwrap();
        assert_eq!(variables["StackName"], "test-orders-v7");
        let details = sent.get_execution_details().clone().unwrap();
        assert_eq!(details.external_execution_id(), Some("stack-1"));
        assert_eq!(details.percent_complete(), Some(100));
    }

    #[test]
    fn a_variable_that_codepipeline_refuses_does_not_cost_the_others() {
        let large = "x".repeat(MOST_VARIABLE_BYTES);
        let done = done(&[("Api-Url_2@x", "u"), ("Api.Url", "u"), ("", "u"), ("Large", &large)]);
        let sent: Vec<_> = sendable(&done.variables).collect();
        assert_eq!(sent.len(), 1);
        assert_eq!(sent[0].0, "Api-Url_2@x");
    }

    #[test]
    fn every_cause_has_its_failure_type() {
        let sent = |cause| failure(&Failure::new(cause, "why")).unwrap().r#type;
        assert_eq!(sent(Cause::Misconfigured), FailureType::ConfigurationError);
        assert_eq!(sent(Cause::Denied), FailureType::PermissionError);
        assert_eq!(sent(Cause::DeployFailed), FailureType::JobFailed);
        assert_eq!(sent(Cause::TestsFailed), FailureType::JobFailed);
        assert_eq!(sent(Cause::Bug), FailureType::JobFailed);
        assert_eq!(sent(Cause::OutOfDate), FailureType::RevisionOutOfSync);
        assert_eq!(sent(Cause::ArtifactGone), FailureType::RevisionUnavailable);
        assert_eq!(sent(Cause::Unavailable), FailureType::SystemUnavailable);
    }

    #[test]
    fn a_failure_always_says_something() {
        let sent = failure(&Failure::new(Cause::Bug, "")).unwrap();
        assert!(!sent.message().is_empty());
        assert_eq!(sent.external_execution_id(), None);
    }
}
