//! Tests of what the stories are made of; the stories themselves are played in `tests/stories/`.

mod hold;
mod hostile;
mod limits;
mod properties;
mod token;
mod values;

use crate::ports::{ActionKind, Job, JobId, PipelineContext};
use crate::release::Execution;

/// A job with these properties and nothing else.
fn job(action: ActionKind, properties: &[(&str, &str)]) -> Job {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Job {
        id: JobId("job-1".to_owned()),
        action,
        configuration: properties.iter().map(own).collect(),
        pipeline: PipelineContext {
            pipeline: "orders".to_owned(),
            action: action.provider().to_owned(),
            execution: Execution {
                pipeline_arn: "arn".to_owned(),
                execution_id: "e-1".to_owned(),
                action_execution_id: "a-1".to_owned(),
            },
        },
        inputs: Vec::new(),
        outputs: Vec::new(),
        credentials: None,
        encryption_key: None,
        token: None,
    }
}
