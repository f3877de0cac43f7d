//! Files in artifacts: `Artifact::path`.

use std::fs;
use std::io;
use std::path::{Component, Path};

use super::{misconfigured, unreadable};
use crate::archive;
use crate::local::Local;
use crate::local::engine::{Artifact, Errand, Failed};

/// The input artifact of this name.
pub(super) fn input<'a>(errand: &'a Errand, name: &str) -> Result<&'a Artifact, Failed> {
    let found = errand.inputs.iter().find(|input| input.name == name);
    found.ok_or_else(|| misconfigured(format!("The action has no input artifact '{name}'")))
}

/// Reads the file that `Artifact::path` names.
pub(super) async fn read(local: &Local, errand: &Errand, place: &str) -> Result<String, Failed> {
    let Some((artifact, path)) = place.split_once("::") else {
        return Err(misconfigured(format!("'{place}' is not of the form Artifact::file")));
    };
    read_in(local, errand, (artifact, path)).await
}

/// Reads a file in an input artifact.
pub(super) async fn read_in(local: &Local, errand: &Errand, (artifact, path): (&str, &str)) -> Result<String, Failed> {
    let object = &input(errand, artifact)?.object;
    let stored = local.objects().read(object, None).await.map_err(|error| unreadable("read", object, &error))?;
    let wanted = path.to_owned();
    let found = tokio::task::spawn_blocking(move || unpacked(&stored.bytes, &wanted)).await;
    let found = found.map_err(|error| error.to_string()).and_then(|found| found);
    found.map_err(|why| misconfigured(format!("The file '{path}' in artifact '{artifact}' could not be read: {why}")))
}

fn unpacked(bytes: &[u8], path: &str) -> Result<String, String> {
    let plain = Path::new(path).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if !plain {
        return Err("the path leads out of the artifact".to_owned());
    }
    let told = |error: io::Error| error.to_string();
    let place = tempfile::tempdir().map_err(told)?;
    let (zip, files) = (place.path().join("artifact.zip"), place.path().join("files"));
    fs::write(&zip, bytes).map_err(told)?;
    archive::unpack(&zip, &files).map_err(|refused| refused.to_string())?;
    fs::read_to_string(files.join(path)).map_err(told)
}

/// An archive with one file.
pub(super) fn packed(name: &str, content: &str) -> io::Result<Vec<u8>> {
    let place = tempfile::tempdir()?;
    let (zip, files) = (place.path().join("artifact.zip"), place.path().join("files"));
    fs::create_dir(&files)?;
    // Only the name counts: a path would lead out of the directory.
    let name = Path::new(name).file_name().ok_or_else(|| io::Error::other("it is not the name of a file"))?;
    fs::write(files.join(name), content)?;
    archive::pack(&files, &zip)?;
    fs::read(zip)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_can_be_read_and_nothing_else() {
        let zip = packed("out.json", "{}").unwrap();
        assert_eq!(unpacked(&zip, "out.json").unwrap(), "{}");
        assert!(unpacked(&zip, "other.json").is_err());
        assert!(unpacked(&zip, "../out.json").is_err());
    }
}
