//! Pipelines and action types from files: CloudFormation templates, the files by which CloudFormation Git sync
//! deploys them, and inputs of CreatePipeline.
//!
//! The templates that create the real pipelines are the ones that run here, so nothing is written twice. Read
//! `files.rs` (which files, and of what kind), `document.rs` (YAML with short tags, JSON), `evaluate.rs` (parameters,
//! conditions, functions), `convert.rs` (CloudFormation's property names into the API's), `declare.rs` (into the
//! state).

mod convert;
mod declare;
mod document;
mod evaluate;
mod files;
mod functions;
mod parameters;

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::settings::Settings;

pub(super) use declare::declare;

const ACTION_TYPE: &str = "AWS::CodePipeline::CustomActionType";
const PIPELINE: &str = "AWS::CodePipeline::Pipeline";

/// Why a file could not be loaded, and where in it.
#[derive(Debug, thiserror::Error)]
pub struct LoadError {
    file: PathBuf,
    resource: Option<String>,
    message: String,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.file.display())?;
        if let Some(resource) = &self.resource {
            write!(f, "resource {resource}: ")?;
        }
        write!(f, "{}", self.message)
    }
}

impl LoadError {
    fn in_file(file: &Path, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), resource: None, message: message.into() }
    }
}

/// What was loaded. Not to be printed as a whole: a pipeline's configuration may hold secrets.
#[derive(Default)]
pub struct Loaded {
    /// The action types, by id.
    pub action_types: Vec<String>,
    /// The pipelines, by name.
    pub pipelines: Vec<String>,
    /// What else was found and left alone: files of another kind, and resources that have no place in a local
    /// CodePipeline.
    pub skipped: Vec<String>,
    /// What the files said.
    pub(super) found: Findings,
}

/// What was found in the files, in the API's form.
#[derive(Default, PartialEq)]
pub(super) struct Findings {
    action_types: Vec<Finding>,
    pipelines: Vec<Finding>,
    skipped: Vec<String>,
}

#[derive(PartialEq)]
struct Finding {
    file: PathBuf,
    resource: String,
    input: Value,
}

/// Reads all files. Nothing is declared yet: an error in the last file leaves the state as it was.
pub(super) fn read(
    paths: &[PathBuf],
    parameters: &[(String, String)],
    settings: &Settings,
) -> Result<Findings, LoadError> {
    let mut findings = Findings::default();
    let mut unused: BTreeSet<&str> = parameters.iter().map(|(name, _)| name.as_str()).collect();
    let sources = files::find(paths)?;
    findings.skipped = sources.skipped;
    for (file, input) in sources.pipelines {
        findings.pipelines.push(Finding { file, resource: "pipeline".to_owned(), input });
    }
    for mut stack in sources.stacks {
        let declared = stack.document.get("Parameters").and_then(Value::as_object);
        let declares = |name: &str| declared.is_some_and(|declared| declared.contains_key(name));
        let overrides: Vec<_> = parameters.iter().filter(|(name, _)| declares(name)).cloned().collect();
        for (name, value) in overrides {
            unused.remove(name.as_str());
            stack.parameters.insert(name, Value::String(value));
        }
        evaluate::collect(&stack, settings, &mut findings)?;
    }
    match unused.first() {
        Some(name) => Err(LoadError {
            file: PathBuf::from("--parameter"),
            resource: None,
            message: format!("no template declares the parameter {name}; check its name"),
        }),
        None => Ok(findings),
    }
}
