//! The Lambda action: a function is invoked with a job, and reports by itself.

use serde_json::json;

use super::{configured, refused};
use crate::local::engine::{self, Errand, Failed};
use crate::local::{Local, wire};

/// Invokes the function of an errand, in the form of the user guide ("Invoke a Lambda function in a pipeline").
pub(super) async fn invoke(local: &Local, errand: &Errand) -> Result<(), Failed> {
    let Some(id) = errand.job.as_deref() else {
        return Ok(());
    };
    // A job that is gone was abandoned meanwhile.
    let Ok(mut job) = local.change(|state, turn| wire::job(state, id, turn)) else {
        return Ok(());
    };
    wire::add_credentials(local, &mut job).await;
    let event = json!({"CodePipeline.job": {"id": job["id"], "accountId": job["accountId"], "data": job["data"]}});
    let event = wire::without_nulls(event);
    let function = configured(errand, "FunctionName").unwrap_or_default();
    local.cloud().invoke(function, &event).await.map_err(|error| refused(&error))?;
    local.change(|state, _| engine::hand_over(state, id));
    Ok(())
}
