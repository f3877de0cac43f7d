//! The change set by which a stack is made or updated: created, looked at, executed.
//!
//! A change set is what lets a second worker attach: its name and token are the same for every attempt, so an attempt
//! that comes second is told so instead of making a second stack.

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use aws_sdk_cloudformation::operation::create_change_set::CreateChangeSetError;
use aws_sdk_cloudformation::operation::describe_change_set::DescribeChangeSetOutput;
use aws_sdk_cloudformation::types::{Capability, ChangeSetStatus, ChangeSetType, ExecutionStatus, Parameter, Tag};

use super::template::Template;
use crate::aws::fault::{Failed, fault, rejected, says};
use crate::ports::{Fault, StackSpec};

/// Unique within its stack, and a stack is made once.
const NAME: &str = "create";

/// What a change set is to do, and its name, which is unique within its stack.
#[derive(Clone, Debug)]
pub(super) struct Purpose {
    name: String,
    kind: ChangeSetType,
}

impl Purpose {
    /// Makes the stack.
    pub(super) fn create() -> Self {
        Self { name: NAME.to_owned(), kind: ChangeSetType::Create }
    }

    /// Makes a stack under this change set's name, or updates the one that is there.
    pub(super) fn apply(name: &str, is_there: bool) -> Self {
        let kind = if is_there { ChangeSetType::Update } else { ChangeSetType::Create };
        Self { name: name.to_owned(), kind }
    }
}

/// A change set, and the stack that it makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ChangeSet {
    pub(super) stack_id: String,
    known_as: KnownAs,
}

/// An ARN finds a change set for certain; until it is known, the names do, which are never used again.
#[derive(Clone, Debug, PartialEq, Eq)]
enum KnownAs {
    Arn(String),
    NameIn { stack: String, name: String },
}

impl ChangeSet {
    /// The change set for this purpose of this stack.
    pub(super) fn of(stack_id: &str, stack_name: &str, purpose: &Purpose) -> Self {
        Self {
            stack_id: stack_id.to_owned(),
            known_as: KnownAs::NameIn { stack: stack_name.to_owned(), name: purpose.name.clone() },
        }
    }
}

/// How a change set stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// There is none.
    Missing,
    /// CloudFormation works it out.
    Pending,
    /// It can be executed, under this ARN.
    Ready(String),
    /// It was executed: the stack tells the rest.
    Executed,
    /// CloudFormation could not work it out, and why.
    Refused(String),
}

/// Asks for the stack's change set; `None` when there is one already, or the stack is.
pub(super) async fn create(
    client: &Client,
    spec: &StackSpec,
    (template, purpose): (Template, &Purpose),
) -> Result<Option<ChangeSet>, Fault> {
    let name = &spec.stack.name;
    let request = client
        .create_change_set()
        .stack_name(spec.stack.id.as_ref().unwrap_or(name))
        .change_set_name(&purpose.name)
        .change_set_type(purpose.kind.clone())
        .client_token(&spec.request_token)
        .set_template_body(template.body)
        .set_template_url(template.url)
        .set_parameters(Some(parameters(spec)))
        .set_tags(Some(tags(spec)))
        .set_capabilities(Some(capabilities(spec)))
        .set_role_arn(spec.role_arn.clone());
    match request.send().await {
        Ok(answer) => {
            let stack_id = answer.stack_id.unwrap_or_else(|| name.clone());
            let by_name = ChangeSet::of(&stack_id, name, purpose).known_as;
            let known_as = answer.id.map_or(by_name, KnownAs::Arn);
            Ok(Some(ChangeSet { stack_id, known_as }))
        }
        Err(error) if is_there_already(&error) => Ok(None),
        Err(error) => Err(not_created(name, &error)),
    }
}

fn is_there_already<E: ProvideErrorMetadata>(error: &Failed<E>) -> bool {
    matches!(error.code(), Some("AlreadyExistsException" | "TokenAlreadyExistsException"))
        || says(error, "ValidationError", "already exists")
}

fn not_created(stack: &str, error: &Failed<CreateChangeSetError>) -> Fault {
    let doing = format!("create stack {stack}");
    if error.code() == Some("InsufficientCapabilitiesException") {
        let said = error.message().unwrap_or("the template needs capabilities");
        let detail = format!("{said}; grant it with the property Capabilities");
        rejected(doing, detail)
    } else {
        fault(doing, error)
    }
}

/// Looks at the change set.
pub(super) async fn look(client: &Client, set: &ChangeSet) -> Result<Progress, Fault> {
    let request = client.describe_change_set();
    let request = match &set.known_as {
        KnownAs::Arn(arn) => request.change_set_name(arn),
        KnownAs::NameIn { stack, name } => request.stack_name(stack).change_set_name(name),
    };
    match request.send().await {
        Ok(told) => Ok(progress(&told)),
        Err(error) if is_missing(&error) => Ok(Progress::Missing),
        Err(error) => {
            let doing = format!("look at the change set of stack {}", set.stack_id);
            Err(fault(doing, &error))
        }
    }
}

fn is_missing<E: ProvideErrorMetadata>(error: &Failed<E>) -> bool {
    matches!(error.code(), Some("ChangeSetNotFound" | "ChangeSetNotFoundException"))
        || says(error, "ValidationError", "does not exist")
}

/// `Status` tells whether it could be worked out, `ExecutionStatus` what became of it (CloudFormation API reference,
/// `DescribeChangeSet`).
fn progress(told: &DescribeChangeSetOutput) -> Progress {
    let reason = || {
        let reason = told.status_reason().filter(|reason| !reason.is_empty());
        let reason = reason.unwrap_or("CloudFormation gave no reason");
        Progress::Refused(reason.to_owned())
    };
    match (told.status(), told.execution_status()) {
        (Some(ChangeSetStatus::Failed), _) | (_, Some(ExecutionStatus::Obsolete)) => reason(),
        (
            _,
            Some(
                ExecutionStatus::ExecuteInProgress | ExecutionStatus::ExecuteComplete | ExecutionStatus::ExecuteFailed,
            ),
        ) => Progress::Executed,
        (Some(ChangeSetStatus::CreateComplete), Some(ExecutionStatus::Available)) => {
            told.change_set_id().map_or(Progress::Pending, |arn| Progress::Ready(arn.to_owned()))
        }
        (
            Some(
                ChangeSetStatus::DeletePending
                | ChangeSetStatus::DeleteInProgress
                | ChangeSetStatus::DeleteComplete
                | ChangeSetStatus::DeleteFailed,
            ),
            _,
        ) => Progress::Refused("someone deleted its change set".to_owned()),
        _ => Progress::Pending,
    }
}

/// Executes the change set. If another worker was faster that is as good: the stack tells the rest.
pub(super) async fn execute(client: &Client, arn: &str, token: &str) -> Result<(), Fault> {
    let request = client
        .execute_change_set()
        .change_set_name(arn)
        .client_request_token(token)
        // The API reference gives these two defaults differently in different places, so they are always sent: a
        // failed creation is taken back, also where a resource's policy is to be retained.
        .disable_rollback(false)
        .retain_except_on_create(true);
    match request.send().await {
        Ok(_) => Ok(()),
        Err(error) if is_executed(&error) => Ok(()),
        Err(error) => Err(fault(format!("execute change set {arn}"), &error)),
    }
}

fn is_executed<E: ProvideErrorMetadata>(error: &Failed<E>) -> bool {
    is_missing(error)
        || matches!(
            error.code(),
            Some(
                "InvalidChangeSetStatus"
                    | "InvalidChangeSetStatusException"
                    | "TokenAlreadyExistsException"
                    | "OperationInProgressException"
            )
        )
        || says(error, "ValidationError", "_IN_PROGRESS")
}

fn parameters(spec: &StackSpec) -> Vec<Parameter> {
    let pairs = spec.parameters.iter();
    let parameter = |(key, value)| Parameter::builder().parameter_key(key).parameter_value(value).build();
    pairs.map(parameter).collect()
}

fn tags(spec: &StackSpec) -> Vec<Tag> {
    let pairs = spec.tags.iter();
    pairs.map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

fn capabilities(spec: &StackSpec) -> Vec<Capability> {
    let granted = spec.capabilities.iter();
    granted.map(|name| Capability::from(name.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(status: &str, execution: &str) -> Progress {
        progress(
            &DescribeChangeSetOutput::builder()
                .status(status.into())
                .execution_status(execution.into())
                .status_reason("because")
                .change_set_id("arn")
                .build(),
        )
    }

    #[test]
    fn a_change_set_is_executed_once_it_can_be() {
        assert_eq!(told("CREATE_PENDING", "UNAVAILABLE"), Progress::Pending);
        assert_eq!(told("CREATE_IN_PROGRESS", "UNAVAILABLE"), Progress::Pending);
        assert_eq!(told("CREATE_COMPLETE", "UNAVAILABLE"), Progress::Pending);
        assert_eq!(told("CREATE_COMPLETE", "AVAILABLE"), Progress::Ready("arn".to_owned()));
        for executed in ["EXECUTE_IN_PROGRESS", "EXECUTE_COMPLETE", "EXECUTE_FAILED"] {
            assert_eq!(told("CREATE_COMPLETE", executed), Progress::Executed);
        }
    }

    #[test]
    fn a_change_set_that_cannot_be_says_why() {
        let because = Progress::Refused("because".to_owned());
        assert_eq!(told("FAILED", "UNAVAILABLE"), because);
        assert_eq!(told("CREATE_COMPLETE", "OBSOLETE"), because);
        assert!(matches!(told("DELETE_COMPLETE", "UNAVAILABLE"), Progress::Refused(_)));
    }
}
