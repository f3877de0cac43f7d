//! What the local CodePipeline answers when it refuses: the service's modelled errors.
//!
//! A wire-compatible server's errors are its contract: a client matches on the type and people read the message. So
//! the type is one of the names in the service model, and the message says what to do.

use std::fmt;

/// The name of a modelled error, exactly as it goes over the wire (plus `Exception`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorKind {
    ActionExecutionNotFound,
    ActionNotFound,
    ActionTypeNotFound,
    ApprovalAlreadyCompleted,
    ConcurrentPipelineExecutionsLimitExceeded,
    ConditionNotOverridable,
    DuplicatedStopRequest,
    InvalidActionDeclaration,
    InvalidApprovalToken,
    InvalidArn,
    InvalidBlockerDeclaration,
    InvalidClientToken,
    InvalidJobState,
    InvalidNextToken,
    InvalidNonce,
    InvalidStageDeclaration,
    InvalidStructure,
    InvalidTags,
    InvalidWebhookAuthenticationParameters,
    InvalidWebhookFilterPattern,
    JobNotFound,
    LimitExceeded,
    NotLatestPipelineExecution,
    OutputVariablesSizeExceeded,
    PipelineExecutionNotFound,
    PipelineExecutionNotStoppable,
    PipelineExecutionOutdated,
    PipelineNameInUse,
    PipelineNotFound,
    PipelineVersionNotFound,
    RequestFailed,
    ResourceNotFound,
    /// The body is not JSON, or a member has another type than the model says. Not in the model, but every JSON 1.1
    /// service of AWS answers with it.
    Serialization,
    StageNotFound,
    StageNotRetryable,
    TooManyTags,
    UnableToRollbackStage,
    /// The operation does not exist, or does not exist here.
    UnknownOperation,
    Validation,
    WebhookNotFound,
}

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    /// Which modelled error it is.
    pub(crate) kind: ErrorKind,
    /// What is wrong, for a person.
    pub(crate) message: String,
}

/// What an operation answers.
pub(crate) type Answer<T> = Result<T, ApiError>;

impl ErrorKind {
    /// This kind of error with `message`.
    pub(crate) fn because(self, message: impl Into<String>) -> ApiError {
        ApiError { kind: self, message: message.into() }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The variants are named after the wire names on purpose, so that there is no second list to keep in step.
        write!(f, "{self:?}Exception")
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_carries_its_name_of_the_service_model() {
        assert_eq!(ErrorKind::InvalidNonce.to_string(), "InvalidNonceException");
        assert_eq!(ErrorKind::UnknownOperation.to_string(), "UnknownOperationException");
    }
}
