//! Each way in which an archive can be hostile, and what a plain one becomes.

use std::fs;
use std::io::{Cursor, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::{Limits, Refused, fuzzing, pack, unpack, unpack_within};

/// A zip of these files; a name that ends in a slash is a directory.
fn zip_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        let options = SimpleFileOptions::default();
        if name.ends_with('/') {
            writer.add_directory(*name, options).unwrap();
        } else {
            writer.start_file(*name, options).unwrap();
            writer.write_all(content).unwrap();
        }
    }
    writer.finish().unwrap().into_inner()
}

/// The zip of one file that is called `name`, which may be one that the zip crate would not write.
fn zip_named(name: &[u8]) -> Vec<u8> {
    let placeholder = "#".repeat(name.len());
    replaced(zip_of(&[(&placeholder, b"x")]), placeholder.as_bytes(), name)
}

fn replaced(mut bytes: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    for at in 0..bytes.len() - from.len() {
        if bytes[at..].starts_with(from) {
            bytes[at..at + to.len()].copy_from_slice(to);
        }
    }
    bytes
}

/// The zip with `value` written at `offset` into the index's entry of its only file.
fn with_index_field(mut bytes: Vec<u8>, offset: usize, value: &[u8]) -> Vec<u8> {
    let start = bytes.windows(4).position(|four| four == b"PK\x01\x02").unwrap();
    bytes[start + offset..start + offset + value.len()].copy_from_slice(value);
    bytes
}

/// The zip of one file with this Unix mode.
fn zip_with_mode(mode: u32) -> Vec<u8> {
    with_index_field(zip_of(&[("odd", b"x")]), 38, &(mode << 16).to_le_bytes())
}

struct Unpacked {
    home: TempDir,
    end: Result<(), Refused>,
}

impl Unpacked {
    fn from(bytes: &[u8]) -> Self {
        Self::within(bytes, &Limits::default())
    }

    fn within(bytes: &[u8], limits: &Limits) -> Self {
        let home = TempDir::new().unwrap();
        let archive = home.path().join("a.zip");
        fs::write(&archive, bytes).unwrap();
        let end = unpack_within(&archive, &home.path().join("into"), limits);
        Self { home, end }
    }

    fn place(&self) -> std::path::PathBuf {
        self.home.path().join("into")
    }

    #[track_caller]
    fn is_refused_as(&self, why: &str) {
        let Err(Refused::Archive(said)) = &self.end else {
            panic!("it was not refused but {:?}", self.end);
        };
        assert!(said.contains(why), "{said}");
        assert_eq!(fs::read_dir(self.place()).unwrap().count(), 0, "left over");
        let around = fs::read_dir(self.home.path()).unwrap().count();
        assert_eq!(around, 2, "something was written beside it");
    }
}

fn executable_bits(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o111
}

#[test]
fn a_plain_archive_is_unpacked() {
    let unpacked = Unpacked::from(&zip_of(&[
        ("src/", b""),
        ("src/main.rs", b"fn main() {}"),
        ("deep/er/empty", b""),
        ("./Ünïcode name", b"u"),
    ]));
    unpacked.end.as_ref().unwrap();
    let into = unpacked.place();
    assert_eq!(fs::read(into.join("src/main.rs")).unwrap(), b"fn main() {}");
    assert_eq!(fs::read(into.join("deep/er/empty")).unwrap(), b"");
    assert_eq!(fs::read(into.join("Ünïcode name")).unwrap(), b"u");
}

#[test]
fn an_archive_that_was_written_as_a_stream_is_unpacked() {
    // Whoever packs while sending knows no sizes in front of the files, as CodePipeline's own sources do.
    let mut writer = ZipWriter::new_stream(Vec::new());
    for name in ["one", "two"] {
        let options = SimpleFileOptions::default();
        writer.start_file(name, options).unwrap();
        writer.write_all(name.as_bytes()).unwrap();
    }
    let unpacked = Unpacked::from(&writer.finish().unwrap().into_inner());
    unpacked.end.as_ref().unwrap();
    assert_eq!(fs::read(unpacked.place().join("two")).unwrap(), b"two");
}

#[test]
fn an_empty_archive_is_unpacked_to_nothing() {
    let unpacked = Unpacked::from(&zip_of(&[]));
    unpacked.end.as_ref().unwrap();
    assert_eq!(fs::read_dir(unpacked.place()).unwrap().count(), 0);
}

#[test]
fn of_a_mode_only_the_executable_bits_are_kept() {
    let unpacked = Unpacked::from(&zip_with_mode(0o106_755));
    let file = unpacked.place().join("odd");
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o7_111, 0o111, "{mode:o}");

    let unpacked = Unpacked::from(&zip_with_mode(0o100_600));
    assert_eq!(executable_bits(&unpacked.place().join("odd")), 0);
}

#[test]
fn absolute_paths_are_refused() {
    for name in ["/etc/passwd", "\\\\host\\share", "\\windows", "C:\\x", "c:/x"] {
        Unpacked::from(&zip_named(name.as_bytes())).is_refused_as("it holds an absolute path: ");
    }
}

#[test]
fn paths_that_lead_out_are_refused() {
    for name in ["../x", "a/../../x", "a/..", "..\\x", "a\\..\\..\\x", "a/..\\x"] {
        let unpacked = Unpacked::from(&zip_named(name.as_bytes()));
        unpacked.is_refused_as("it holds a path that leads out of it: ");
    }
}

#[test]
fn names_that_mean_something_else_elsewhere_are_refused() {
    for (name, why) in [("a\\b", "a backslash"), ("a:b", "a colon"), ("a./b", "a full stop"), ("a/b.", "a full stop")] {
        Unpacked::from(&zip_named(name.as_bytes())).is_refused_as(why);
    }
    Unpacked::from(&zip_named(b".hidden")).end.unwrap();
}

#[test]
fn special_files_are_refused() {
    for kind in [0o010_000, 0o020_000, 0o060_000, 0o140_000] {
        Unpacked::from(&zip_with_mode(kind | 0o644)).is_refused_as("it holds a special file: odd");
    }
}

#[test]
fn a_refused_entry_at_the_end_leaves_nothing_of_the_good_ones() {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default();
    writer.start_file("good", options).unwrap();
    writer.write_all(b"good").unwrap();
    writer.add_symlink("bad", "/etc/passwd", options).unwrap();
    let bytes = writer.finish().unwrap().into_inner();
    Unpacked::from(&bytes).is_refused_as("it holds a symbolic link that leads out of it: bad");
}

#[test]
fn a_name_that_comes_twice_is_refused() {
    let twice = replaced(zip_of(&[("one", b"1"), ("two", b"2")]), b"two", b"one");
    Unpacked::from(&twice).is_refused_as("it holds the same name twice: one");
    let dotted = zip_of(&[("a/b", b"1"), ("a/./b", b"2")]);
    Unpacked::from(&dotted).is_refused_as("it holds the same name twice: a/b");
}

#[test]
fn names_that_differ_only_in_case_are_refused() {
    for pair in [["read.me", "READ.me"], ["Dir/a", "dir/b"], ["É", "é"]] {
        let bytes = zip_of(&[(pair[0], b"1"), (pair[1], b"2")]);
        Unpacked::from(&bytes).is_refused_as("it holds two names that differ only in case: ");
    }
}

#[test]
fn a_file_where_a_directory_is_needed_is_refused() {
    for pair in [["a", "a/b"], ["a/b", "a"], ["a", "a/"]] {
        let bytes = zip_of(&[(pair[0], b"1"), (pair[1], b"2")]);
        Unpacked::from(&bytes).is_refused_as("it holds a file where it also needs a directory: a");
    }
}

#[test]
fn odd_names_are_refused() {
    Unpacked::from(&zip_named(b"caf\xe9")).is_refused_as("it holds a name that is not UTF-8");
    Unpacked::from(&zip_named(b"a\0b")).is_refused_as("a control character: a\\0b");
    Unpacked::from(&zip_named(b"a\x1b[2Jb")).is_refused_as("a control character");
    Unpacked::from(&zip_named(&[b'n'; 256])).is_refused_as("it holds a name that is too long");
    let deep = "d/".repeat(600) + "f";
    Unpacked::from(&zip_named(deep.as_bytes())).is_refused_as("it holds a name that is too long");
}

#[test]
fn too_many_entries_are_refused_and_directories_count() {
    let limits = Limits { entries: 3, ..Limits::default() };
    let files = zip_of(&[("a", b""), ("b", b""), ("c", b""), ("d", b"")]);
    Unpacked::within(&files, &limits).is_refused_as("it holds more than 3 files and directories");
    let deep = zip_of(&[("a/b/c/d", b"")]);
    Unpacked::within(&deep, &limits).is_refused_as("it holds more than 3 files and directories");
}

#[test]
fn too_many_bytes_are_refused_whatever_the_index_claims() {
    let limits = Limits { bytes: 1_000, ..Limits::default() };
    let honest = zip_of(&[("big", &[7; 2_000])]);
    Unpacked::within(&honest, &limits).is_refused_as("it unpacks to more than 1000 bytes");
    let liar = with_index_field(honest, 24, &10_u32.to_le_bytes());
    let unpacked = Unpacked::within(&liar, &limits);
    assert!(unpacked.end.is_err());
    unpacked.is_refused_as("it");
}

#[test]
fn a_bomb_is_refused() {
    let limits = Limits { ratio: 100, ratio_from: 10_000, ..Limits::default() };
    let bomb = zip_of(&[("zeros", &[0; 1_000_000])]);
    Unpacked::within(&bomb, &limits).is_refused_as("it unpacks to more than 100 times its size");
    let small = zip_of(&[("zeros", &[0; 10_000])]);
    let strict = Limits { ratio: 1, ..limits };
    Unpacked::within(&small, &strict).end.unwrap();
}

#[test]
fn an_encrypted_file_is_refused() {
    let mut encrypted = with_index_field(zip_of(&[("secret", b"x")]), 8, &[1, 0]);
    encrypted[6] = 1; // the flag in the file's own header
    Unpacked::from(&encrypted).is_refused_as("it holds an encrypted file: secret");
}

#[test]
fn a_packing_that_is_not_deflate_is_refused() {
    let odd = with_index_field(zip_of(&[("a", b"x")]), 10, &99_u16.to_le_bytes());
    let unpacked = Unpacked::from(&odd);
    unpacked.is_refused_as("it");
}

#[test]
fn what_is_no_zip_or_only_a_part_of_one_is_refused() {
    let whole = zip_of(&[("a", &[7; 5_000]), ("b", b"b")]);
    let start = &whole[..whole.len() / 2];
    let end = &whole[whole.len() / 2..];
    for bytes in [&b""[..], b"PK", b"<html>not here</html>", start, end] {
        Unpacked::from(bytes).is_refused_as("it");
    }
}

#[test]
fn a_file_whose_bytes_were_changed_is_refused() {
    let mut bytes = zip_of(&[("a", b"some text that is long enough to be packed")]);
    bytes[40] ^= 0xff;
    Unpacked::from(&bytes).is_refused_as("a file in it is damaged");
}

#[test]
fn a_directory_that_is_not_empty_is_left_as_it_is() {
    let home = TempDir::new().unwrap();
    let archive = home.path().join("a.zip");
    fs::write(&archive, zip_of(&[("a", b"x")])).unwrap();
    let into = home.path().join("into");
    fs::create_dir(&into).unwrap();
    fs::write(into.join("mine"), b"mine").unwrap();
    assert!(matches!(unpack(&archive, &into), Err(Refused::Disk(_))));
    assert_eq!(fs::read(into.join("mine")).unwrap(), b"mine");
}

#[test]
fn what_was_packed_unpacks_to_the_same_without_links() {
    let home = TempDir::new().unwrap();
    let from = home.path().join("from");
    fs::create_dir_all(from.join("reports/deep")).unwrap();
    fs::write(from.join("log.txt"), b"log").unwrap();
    fs::write(from.join("reports/deep/a.xml"), b"<a/>").unwrap();
    fs::write(from.join("run.sh"), b"#!/bin/sh").unwrap();
    fs::set_permissions(from.join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("/etc/passwd", from.join("link")).unwrap();
    symlink("/etc", from.join("linked")).unwrap();

    let archive = home.path().join("a.zip");
    pack(&from, &archive).unwrap();
    let into = home.path().join("into");
    unpack(&archive, &into).unwrap();

    let mut names: Vec<_> =
        fs::read_dir(&into).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["log.txt", "reports", "run.sh"]);
    assert_eq!(fs::read(into.join("reports/deep/a.xml")).unwrap(), b"<a/>");
    assert_eq!(executable_bits(&into.join("run.sh")), 0o111);

    let again = home.path().join("b.zip");
    pack(&from, &again).unwrap();
    assert_eq!(fs::read(&archive).unwrap(), fs::read(&again).unwrap());
}

#[test]
fn whatever_was_found_by_fuzzing_is_refused_or_unpacked_inside() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/archive");
    let inputs: Vec<_> = fs::read_dir(corpus).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!inputs.is_empty());
    inputs.iter().for_each(|input| fuzzing::archive(&fs::read(input).unwrap()));
}
