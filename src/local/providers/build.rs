//! The CodeBuild action.
//!
//! AWS hands sources and results to a build by its own type `CODEPIPELINE`; an emulator does not know where that
//! leads, so they are handed over as objects in S3.

use serde::Deserialize;

use super::{configured, files, misconfigured, refused, wait};
use crate::local::Local;
use crate::local::cloud::BuildRequest;
use crate::local::engine::{self, Artifact, Errand, Failed, Finished};

#[derive(Deserialize)]
struct Variable {
    name: String,
    value: String,
    #[serde(default = "plain")]
    r#type: String,
}

fn plain() -> String {
    "PLAINTEXT".to_owned()
}

/// Carries the action out; `None` when nobody wants it any more.
pub(super) async fn run(local: &Local, errand: &Errand) -> Result<Option<Finished>, Failed> {
    let id = match &errand.begun {
        Some(id) => id.clone(),
        None => local.cloud().start_build(&request(errand)?).await.map_err(|error| refused(&error))?,
    };
    local.change(|state, turn| engine::begun(state, &errand.action, &id, turn));
    loop {
        let build = local.cloud().build(&id).await.map_err(|error| refused(&error))?;
        match build.status.as_str() {
            "IN_PROGRESS" if wait(local, errand).await => (),
            "IN_PROGRESS" => return Ok(None),
            "SUCCEEDED" => {
                let summary = Some(format!("Build {id} succeeded"));
                let variables = build.exported.into_iter().collect();
                return Ok(Some(Finished { revision: None, variables, summary }));
            }
            other => {
                let why = build.reason.unwrap_or_default();
                return Err(("JobFailed".to_owned(), format!("Build {id} ended with the status {other}. {why}")));
            }
        }
    }
}

fn request(errand: &Errand) -> Result<BuildRequest, Failed> {
    let primary = match (configured(errand, "PrimarySource"), errand.inputs.first()) {
        (Some(name), _) => files::input(errand, name)?,
        (None, Some(input)) => input,
        (None, None) => return Err(misconfigured("The action has no input artifact")),
    };
    let place = |artifact: &Artifact| format!("{}/{}", artifact.object.bucket, artifact.object.key);
    let others = errand.inputs.iter().filter(|input| input.name != primary.name);
    let variables = configured(errand, "EnvironmentVariables").unwrap_or("[]");
    let variables: Vec<Variable> = serde_json::from_str(variables)
        .map_err(|error| misconfigured(format!("EnvironmentVariables is not a list of variables: {error}")))?;
    let results = errand.outputs.iter();
    Ok(BuildRequest {
        project: configured(errand, "ProjectName").unwrap_or_default().to_owned(),
        source: place(primary),
        more_sources: others.map(|input| (input.name.clone(), place(input))).collect(),
        artifacts: results.map(|a| (a.name.clone(), a.object.bucket.clone(), a.object.key.clone())).collect(),
        environment: variables.into_iter().map(|v| (v.name, v.value, v.r#type)).collect(),
        buildspec: configured(errand, "BuildspecOverride").map(str::to_owned),
        token: errand.action.action.clone(),
    })
}
