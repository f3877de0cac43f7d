//! Which files there are, and of what kind each is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{LoadError, document};

/// Everything that the given paths lead to.
#[derive(Default)]
pub(super) struct Sources {
    pub(super) stacks: Vec<Stack>,
    /// Inputs of CreatePipeline.
    pub(super) pipelines: Vec<(PathBuf, Value)>,
    pub(super) skipped: Vec<String>,
}

/// A template with the name and the parameters that it is deployed with.
pub(super) struct Stack {
    /// The file to name in messages: the deployment file, or the template itself.
    pub(super) file: PathBuf,
    pub(super) name: String,
    pub(super) document: Value,
    pub(super) parameters: BTreeMap<String, Value>,
}

/// Reads the files and, for each directory, the files directly in it.
pub(super) fn find(paths: &[PathBuf]) -> Result<Sources, LoadError> {
    let mut sources = Sources::default();
    let mut templates = Vec::new();
    let mut deployed = BTreeSet::new();
    for (file, named) in listed(paths)? {
        let document = document::read(&file)?;
        if let Some(template) = document.get("template-file-path").and_then(Value::as_str) {
            let template = file.parent().unwrap_or(Path::new("")).join(template);
            sources.stacks.push(deployment(&file, &template, &document)?);
            deployed.insert(identity(&template));
        } else if document.get("Resources").is_some() {
            templates.push((file, document));
        } else if let Some(pipeline) = document.get("pipeline") {
            let input = json!({"pipeline": pipeline, "tags": document.get("tags")});
            sources.pipelines.push((file, input));
        } else if named {
            return Err(LoadError::in_file(&file, UNKNOWN_KIND));
        } else {
            sources.skipped.push(file.display().to_string());
        }
    }
    // A template that a deployment file fills in is not deployed a second time, bare.
    for (file, document) in templates.into_iter().filter(|(file, _)| !deployed.contains(&identity(file))) {
        sources.stacks.push(Stack { name: stem(&file), document, parameters: BTreeMap::new(), file });
    }
    Ok(sources)
}

const UNKNOWN_KIND: &str = "is neither a CloudFormation template (Resources), a stack deployment file \
                            (template-file-path) nor an input of CreatePipeline (pipeline)";

/// The files, and whether each was named itself: one that only lies in a directory may be of any other kind.
fn listed(paths: &[PathBuf]) -> Result<Vec<(PathBuf, bool)>, LoadError> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            files.extend(in_directory(path)?.into_iter().map(|file| (file, false)));
        } else {
            files.push((path.clone(), true));
        }
    }
    Ok(files)
}

fn in_directory(directory: &Path) -> Result<Vec<PathBuf>, LoadError> {
    let failed = |error: std::io::Error| LoadError::in_file(directory, format!("cannot be read: {error}"));
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let file = entry.map_err(failed)?.path();
        let extension = file.extension().and_then(|extension| extension.to_str());
        if file.is_file() && matches!(extension, Some("yaml" | "yml" | "json")) {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

fn deployment(file: &Path, template: &Path, deployment: &Value) -> Result<Stack, LoadError> {
    let entries = match deployment.get("parameters") {
        Some(Value::Object(entries)) => entries.clone(),
        None | Some(Value::Null) => serde_json::Map::new(),
        Some(_) => {
            return Err(LoadError::in_file(file, "parameters is not a map of names and values"));
        }
    };
    let document = document::read(template)?;
    let declared = document.get("Parameters");
    if let Some(name) = entries.keys().find(|name| declared.and_then(|all| all.get(name.as_str())).is_none()) {
        let message = format!("gives the parameter {name}, which {} does not declare", template.display());
        return Err(LoadError::in_file(file, message));
    }
    Ok(Stack { file: file.to_owned(), name: stem(file), document, parameters: entries.into_iter().collect() })
}

fn stem(file: &Path) -> String {
    file.file_stem().map_or_else(|| "local".to_owned(), |stem| stem.to_string_lossy().into_owned())
}

fn identity(file: &Path) -> PathBuf {
    // A file that cannot be found is reported when it is read.
    file.canonicalize().unwrap_or_else(|_| file.to_owned())
}
