//! What a test command is told: variables, and a file with the whole view.

use std::path::Path;

use secrecy::SecretString;
use serde_json::{Map, Value as Json, json};

use crate::ports::TraceContext;
use crate::release::{RunId, ServiceName, Stage, Version, VersionRef};

/// Variables for the tests.
#[derive(Debug, Default)]
pub(super) struct Variables {
    /// Those that may be seen.
    pub(super) plain: Vec<(String, String)>,
    /// Those whose values are hidden in everything that is kept of the run.
    pub(super) secret: Vec<(String, SecretString)>,
}

/// The version under test and what surrounds it.
pub(super) struct Subject<'a> {
    pub(super) stage: &'a Stage,
    pub(super) of: &'a VersionRef,
    pub(super) version: &'a Version,
    pub(super) run: &'a RunId,
}

impl Subject<'_> {
    /// The variables that every test gets, with the file that holds the view if there is one.
    pub(super) fn variables(&self, view_file: Option<&Path>) -> Vec<(String, String)> {
        let mut variables: Vec<(String, String)> = [
            ("BLUESTAGE_STAGE", self.stage.name.to_string()),
            ("BLUESTAGE_SERVICE", self.of.service.to_string()),
            ("BLUESTAGE_VERSION", self.of.version.to_string()),
            ("BLUESTAGE_RUN", self.run.to_string()),
            ("APP_STACK_NAME", self.version.stack.name.clone()),
            // For whatever the tests send spans with.
            ("TRACEPARENT", TraceContext::of(&self.version.execution).to_string()),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
        if let Some(file) = view_file {
            variables.push(("BLUESTAGE_VIEW".to_owned(), file.display().to_string()));
        }
        for (output, value) in &self.version.outputs {
            variables.push((format!("BLUE_{}", upper(output)), value.clone()));
        }
        for (service, version) in self.others() {
            for (output, value) in &version.outputs {
                let name = format!("LIVE_{}_{}", upper(service.as_str()), upper(output));
                variables.push((name, value.clone()));
            }
        }
        variables
    }

    /// The view as JSON: the file that `BLUESTAGE_VIEW` names, and the body of the run's certificate.
    pub(super) fn view(&self) -> Map<String, Json> {
        let others: Map<String, Json> =
            self.others().map(|(service, version)| (service.to_string(), describe(version))).collect();
        let mut view = Map::new();
        view.insert("stage".to_owned(), json!(self.stage.name));
        view.insert("service".to_owned(), json!(self.of.service));
        view.insert("blue".to_owned(), describe(self.version));
        view.insert("view".to_owned(), Json::Object(others));
        view
    }

    /// The other versions in the view.
    pub(super) fn others(&self) -> impl Iterator<Item = (&ServiceName, &Version)> {
        let others = self.version.view.iter().filter(|(service, _)| **service != self.of.service);
        others.filter_map(|(service, id)| Some((service, self.stage.services.get(service)?.versions.get(id)?)))
    }
}

fn describe(version: &Version) -> Json {
    json!({
        "version": version.id,
        "stackName": version.stack.name,
        "stackId": version.stack.id,
        "stackChangedAt": version.stack.changed_at,
        "templateDigest": version.template_digest,
        "outputs": version.outputs,
    })
}

/// A service or output name as part of a variable's name.
fn upper(name: &str) -> String {
    name.to_ascii_uppercase().replace('-', "_")
}
