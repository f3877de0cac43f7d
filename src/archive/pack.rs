//! Packs a directory of our own.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// From this size on an entry needs the longer form of its header (zip64), a little early because deflate may grow a
/// file that does not pack.
const LARGE: u64 = u32::MAX as u64 - (16 << 20);

/// Packs the regular files in `directory` and below into a new file `archive`. Blocks.
///
/// Names are sorted and times left out, so that the same files make the same archive. Symbolic links are not followed
/// and not packed: they could lead anywhere.
pub fn pack(directory: &Path, archive: &Path) -> io::Result<()> {
    pack_without(directory, archive, &[])
}

/// As [`pack`], without the directories of these names, wherever they are.
pub fn pack_without(directory: &Path, archive: &Path, left_out: &[&str]) -> io::Result<()> {
    let names = names_of_files(directory, left_out)?;
    let mut writer = ZipWriter::new(BufWriter::new(File::create_new(archive)?));
    for name in names {
        let mut file = File::open(directory.join(&name))?;
        let metadata = file.metadata()?;
        let options = SimpleFileOptions::default()
            .unix_permissions(0o644 | metadata.permissions().mode() & 0o111)
            .large_file(metadata.len() >= LARGE);
        writer.start_file(name, options)?;
        io::copy(&mut file, &mut writer)?;
    }
    writer.finish()?.into_inner().map_err(io::Error::other)?;
    Ok(())
}

fn names_of_files(directory: &Path, left_out: &[&str]) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    let mut open = vec![String::new()];
    while let Some(below) = open.pop() {
        for entry in fs::read_dir(directory.join(&below))? {
            let entry = entry?;
            let name = entry.file_name().into_string().map_err(|name| {
                let why = format!("{} is not UTF-8", name.display());
                io::Error::new(io::ErrorKind::InvalidInput, why)
            })?;
            let kind = entry.file_type()?;
            if kind.is_dir() && left_out.contains(&name.as_str()) {
                continue;
            }
            if kind.is_dir() {
                open.push(format!("{below}{name}/"));
            } else if kind.is_file() {
                names.push(format!("{below}{name}"));
            }
        }
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;
    use zip::ZipArchive;

    use super::*;

    #[test]
    fn packed_names_are_sorted() {
        let home = TempDir::new().unwrap();
        let from = home.path().join("from");
        fs::create_dir(&from).unwrap();
        for number in 100..200 {
            fs::write(from.join(number.to_string()), b"x").unwrap();
        }
        let archive = home.path().join("a.zip");
        pack(&from, &archive).unwrap();
        let packed = ZipArchive::new(File::open(&archive).unwrap()).unwrap();
        let names: Vec<String> = packed.file_names().map(|name| name.unwrap().into_owned()).collect();
        assert_eq!(names.len(), 100);
        assert!(names.is_sorted(), "{names:?}");
    }
}
