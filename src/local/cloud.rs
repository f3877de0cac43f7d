//! What the local CodePipeline needs of an emulated AWS, besides objects.

use async_trait::async_trait;
use serde_json::Value;

use super::settings::JobCredentials;

/// CloudFormation, CodeBuild, Lambda, EventBridge and STS, as far as pipelines use them.
#[async_trait]
pub trait Cloud: Send + Sync {
    /// How a stack stands; `None` if there is none of this name.
    async fn stack(&self, name: &str) -> Result<Option<StackState>, CloudError>;

    /// Begins to create a stack.
    async fn create_stack(&self, stack: &StackRequest) -> Result<(), CloudError>;

    /// Begins to update a stack; `false` if there is nothing to update.
    async fn update_stack(&self, stack: &StackRequest) -> Result<bool, CloudError>;

    /// Begins to delete a stack.
    async fn delete_stack(&self, name: &str, role: Option<&str>) -> Result<(), CloudError>;

    /// Begins to make a change set, for a stack that exists or one that is to be.
    async fn create_change_set(&self, stack: &StackRequest, change_set: NewChangeSet<'_>) -> Result<(), CloudError>;

    /// How a change set stands; `None` if there is none of this name.
    async fn change_set(&self, stack: &str, change_set: &str) -> Result<Option<ChangeSetState>, CloudError>;

    /// Deletes a change set; one that does not exist is fine.
    async fn delete_change_set(&self, stack: &str, change_set: &str) -> Result<(), CloudError>;

    /// Begins to carry out a change set.
    async fn execute_change_set(&self, stack: &str, change_set: &str) -> Result<(), CloudError>;

    /// Starts a build and returns its id; the same token always means the same build.
    async fn start_build(&self, build: &BuildRequest) -> Result<String, CloudError>;

    /// How a build stands.
    async fn build(&self, id: &str) -> Result<BuildState, CloudError>;

    /// Invokes a function without waiting for it.
    async fn invoke(&self, function: &str, event: &Value) -> Result<(), CloudError>;

    /// Puts events, each in the form that EventBridge delivers, on the default event bus.
    async fn put_events(&self, events: &[Value]) -> Result<(), CloudError>;

    /// Fresh credentials that end after `seconds`.
    async fn credentials(&self, seconds: u64) -> Result<JobCredentials, CloudError>;
}

/// Why something could not be had of the emulated AWS.
#[derive(Debug, thiserror::Error)]
pub enum CloudError {
    /// The event bus does not take events of this source.
    #[error("the source of the events is not allowed: {0}")]
    SourceRefused(String),
    /// Anything else, in the service's own words.
    #[error("{0}")]
    Other(String),
}

/// A stack that is to be created or updated.
pub struct StackRequest {
    /// Its name.
    pub name: String,
    /// Its template, whole.
    pub template: String,
    /// Parameters by name.
    pub parameters: Vec<(String, String)>,
    /// Tags by key.
    pub tags: Vec<(String, String)>,
    /// What the template may do, such as `CAPABILITY_IAM`.
    pub capabilities: Vec<String>,
    /// The role by which CloudFormation acts.
    pub role: Option<String>,
    /// The stack policy, as JSON.
    pub policy: Option<String>,
    /// Tells one attempt from the next.
    pub token: String,
}

/// A change set that is to be made.
#[derive(Clone, Copy)]
pub struct NewChangeSet<'a> {
    /// Its name.
    pub name: &'a str,
    /// Whether it is for a stack that does not exist yet.
    pub creates: bool,
}

/// How a stack stands.
#[derive(Debug, Clone)]
pub struct StackState {
    /// Its id.
    pub id: String,
    /// Its status, such as `CREATE_COMPLETE`.
    pub status: String,
    /// Why it has that status.
    pub reason: Option<String>,
    /// Its outputs by key.
    pub outputs: Vec<(String, String)>,
}

/// How a change set stands.
#[derive(Debug, Clone)]
pub struct ChangeSetState {
    /// Its status, such as `CREATE_COMPLETE`.
    pub status: String,
    /// Why it has that status.
    pub reason: Option<String>,
}

/// A build that is to be started.
pub struct BuildRequest {
    /// Its project.
    pub project: String,
    /// Where its primary source is, as `bucket/key`.
    pub source: String,
    /// Its other sources: name, and where it is.
    pub more_sources: Vec<(String, String)>,
    /// Where its results go: name, bucket and key.
    pub artifacts: Vec<(String, String, String)>,
    /// Its environment: name, value and type.
    pub environment: Vec<(String, String, String)>,
    /// A build specification instead of the project's.
    pub buildspec: Option<String>,
    /// Tells one attempt from the next.
    pub token: String,
}

/// How a build stands.
#[derive(Debug, Clone)]
pub struct BuildState {
    /// Its status, such as `IN_PROGRESS`.
    pub status: String,
    /// Why it failed, phase by phase.
    pub reason: Option<String>,
    /// The variables that it exported.
    pub exported: Vec<(String, String)>,
}

/// No emulated AWS at all: every call is refused.
pub struct NoCloud;

fn none<T>() -> Result<T, CloudError> {
    Err(CloudError::Other("this local CodePipeline has no emulated AWS".to_owned()))
}

#[async_trait]
impl Cloud for NoCloud {
    async fn stack(&self, _: &str) -> Result<Option<StackState>, CloudError> {
        none()
    }

    async fn create_stack(&self, _: &StackRequest) -> Result<(), CloudError> {
        none()
    }

    async fn update_stack(&self, _: &StackRequest) -> Result<bool, CloudError> {
        none()
    }

    async fn delete_stack(&self, _: &str, _: Option<&str>) -> Result<(), CloudError> {
        none()
    }

    async fn create_change_set(&self, _: &StackRequest, _: NewChangeSet<'_>) -> Result<(), CloudError> {
        none()
    }

    async fn change_set(&self, _: &str, _: &str) -> Result<Option<ChangeSetState>, CloudError> {
        none()
    }

    async fn delete_change_set(&self, _: &str, _: &str) -> Result<(), CloudError> {
        none()
    }

    async fn execute_change_set(&self, _: &str, _: &str) -> Result<(), CloudError> {
        none()
    }

    async fn start_build(&self, _: &BuildRequest) -> Result<String, CloudError> {
        none()
    }

    async fn build(&self, _: &str) -> Result<BuildState, CloudError> {
        none()
    }

    async fn invoke(&self, _: &str, _: &Value) -> Result<(), CloudError> {
        none()
    }

    async fn put_events(&self, _: &[Value]) -> Result<(), CloudError> {
        none()
    }

    async fn credentials(&self, _: u64) -> Result<JobCredentials, CloudError> {
        none()
    }
}
