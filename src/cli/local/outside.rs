//! The outside of the local CodePipeline, as the AWS SDK reaches it.

use async_trait::async_trait;
use secrecy::ExposeSecret;
use serde_json::Value;

use crate::aws::emulated::{BuildInput, Emulated, Refusal, StackInput};
use crate::aws::objects::{ObjectFault, ObjectRevision, S3Objects};
use crate::local::{
    BuildRequest, BuildState, ChangeSetState, Cloud, CloudError, JobCredentials, NewChangeSet, Object, ObjectKey,
    Objects, ObjectsError, Revision, StackRequest, StackState,
};

#[async_trait]
impl Objects for S3Objects {
    async fn read(&self, object: &ObjectKey, version: Option<&str>) -> Result<Object, ObjectsError> {
        let stored = Self::read(self, &object.bucket, &object.key, version).await.map_err(unavailable)?;
        Ok(Object { bytes: stored.bytes, revision: revision(stored.revision) })
    }

    async fn head(&self, object: &ObjectKey) -> Result<Revision, ObjectsError> {
        let stored = Self::head(self, &object.bucket, &object.key).await;
        stored.map(revision).map_err(unavailable)
    }

    async fn write(&self, object: &ObjectKey, bytes: Vec<u8>, kms_key: Option<&str>) -> Result<(), ObjectsError> {
        let place = (object.bucket.as_str(), object.key.as_str());
        Self::write(self, place, bytes, kms_key).await.map_err(unavailable)
    }
}

fn revision(stored: ObjectRevision) -> Revision {
    Revision { etag: stored.etag, version_id: stored.version_id }
}

fn unavailable(fault: ObjectFault) -> ObjectsError {
    match fault {
        ObjectFault::NotFound => ObjectsError::NotFound,
        ObjectFault::Other(why) => ObjectsError::Other(why),
    }
}

#[async_trait]
impl Cloud for Emulated {
    async fn stack(&self, name: &str) -> Result<Option<StackState>, CloudError> {
        let found = Self::stack(self, name).await.map_err(refused)?;
        Ok(found.map(|stack| StackState {
            id: stack.id,
            status: stack.status,
            reason: stack.reason,
            outputs: stack.outputs,
        }))
    }

    async fn create_stack(&self, stack: &StackRequest) -> Result<(), CloudError> {
        Self::create_stack(self, &input(stack)).await.map_err(refused)
    }

    async fn update_stack(&self, stack: &StackRequest) -> Result<bool, CloudError> {
        Self::update_stack(self, &input(stack)).await.map_err(refused)
    }

    async fn delete_stack(&self, name: &str, role: Option<&str>) -> Result<(), CloudError> {
        Self::delete_stack(self, name, role).await.map_err(refused)
    }

    async fn create_change_set(&self, stack: &StackRequest, new: NewChangeSet<'_>) -> Result<(), CloudError> {
        Self::create_change_set(self, &input(stack), (new.name, new.creates)).await.map_err(refused)
    }

    async fn change_set(&self, stack: &str, change_set: &str) -> Result<Option<ChangeSetState>, CloudError> {
        let found = Self::change_set(self, stack, change_set).await.map_err(refused)?;
        Ok(found.map(|(status, reason)| ChangeSetState { status, reason }))
    }

    async fn delete_change_set(&self, stack: &str, change_set: &str) -> Result<(), CloudError> {
        Self::delete_change_set(self, stack, change_set).await.map_err(refused)
    }

    async fn execute_change_set(&self, stack: &str, change_set: &str) -> Result<(), CloudError> {
        Self::execute_change_set(self, stack, change_set).await.map_err(refused)
    }

    async fn start_build(&self, build: &BuildRequest) -> Result<String, CloudError> {
        let input = BuildInput {
            project: &build.project,
            source: &build.source,
            more_sources: &build.more_sources,
            artifacts: &build.artifacts,
            environment: &build.environment,
            buildspec: build.buildspec.as_deref(),
            token: &build.token,
        };
        Self::start_build(self, &input).await.map_err(refused)
    }

    async fn build(&self, id: &str) -> Result<BuildState, CloudError> {
        let (status, reason, exported) = Self::build(self, id).await.map_err(refused)?;
        Ok(BuildState { status, reason, exported })
    }

    async fn invoke(&self, function: &str, event: &Value) -> Result<(), CloudError> {
        Self::invoke(self, function, event).await.map_err(refused)
    }

    async fn put_events(&self, events: &[Value]) -> Result<(), CloudError> {
        Self::put_events(self, events).await.map_err(refused)
    }

    async fn credentials(&self, seconds: u64) -> Result<JobCredentials, CloudError> {
        let made = self.session(seconds).await.map_err(refused)?;
        Ok(JobCredentials {
            access_key_id: made.access_key_id.expose_secret().to_owned(),
            secret_access_key: made.secret_access_key,
            session_token: made.session_token,
        })
    }
}

fn input(stack: &StackRequest) -> StackInput<'_> {
    StackInput {
        name: &stack.name,
        template: &stack.template,
        parameters: &stack.parameters,
        tags: &stack.tags,
        capabilities: &stack.capabilities,
        role: stack.role.as_deref(),
        policy: stack.policy.as_deref(),
        token: &stack.token,
    }
}

fn refused(refusal: Refusal) -> CloudError {
    match refusal {
        Refusal::Source(why) => CloudError::SourceRefused(why),
        Refusal::Other(why) => CloudError::Other(why),
    }
}
