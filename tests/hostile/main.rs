//! Hostile archives: each is refused with a sentence, within a bound of time and memory, and leaves nothing behind.
//!
//! `make_archives.py` makes them and says how each is to be refused. Each is unpacked by the shipping code in a process
//! of its own, whose peak memory is measured.

#![expect(clippy::unwrap_used, reason = "a test says that something is wrong by panicking")]
#![expect(clippy::disallowed_methods, reason = "a process of its own is told by its environment what to unpack")]
#![expect(clippy::print_stdout, reason = "that process answers by printing")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use tempfile::TempDir;

/// The most memory, in KiB, that a process may ever have had for unpacking.
const MOST_MEMORY: u64 = 64 << 10;

/// The most seconds that unpacking may take, in a debug build, too: a processor's, so that neighbours do not count.
const MOST_SECONDS: f64 = 5.0;

/// Tells the process of its own which archive to unpack, and where.
const ARCHIVE: &str = "HOSTILE_ARCHIVE";
const INTO: &str = "HOSTILE_INTO";

#[derive(Deserialize)]
struct Manifest {
    hostile: Vec<Hostile>,
    harmless: Vec<Harmless>,
}

/// An archive that is refused, with these words, because it does that.
#[derive(Deserialize)]
struct Hostile {
    file: String,
    says: String,
    why: String,
}

/// An archive that unpacks to this: names to contents, and to where links lead.
#[derive(Deserialize)]
struct Harmless {
    file: String,
    holds: BTreeMap<String, String>,
}

/// The archives, made anew.
struct Archives {
    home: TempDir,
    manifest: Manifest,
}

impl Archives {
    fn make() -> Self {
        let home = TempDir::new().unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile/make_archives.py");
        let made = Command::new("python3").arg(script).arg(home.path()).status().unwrap();
        assert!(made.success(), "the archives could not be made");
        let manifest = fs::read(home.path().join("manifest.json")).unwrap();
        Self { manifest: serde_json::from_slice(&manifest).unwrap(), home }
    }

    fn unpack(&self, file: &str) -> Unpacked {
        let home = TempDir::new().unwrap();
        let into = home.path().join("into");
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "unpacks_one_archive_in_a_process_of_its_own", "--ignored", "--nocapture"])
            .env(ARCHIVE, self.home.path().join(file))
            .env(INTO, &into)
            .output()
            .unwrap();
        let printed = String::from_utf8_lossy(&child.stdout);
        let told = |what: &str| {
            let line = printed.lines().find_map(|line| line.strip_prefix(what));
            line.unwrap_or_else(|| panic!("{file}: {printed}\n{}", String::from_utf8_lossy(&child.stderr))).to_owned()
        };
        Unpacked {
            said: told("said: "),
            seconds: told("seconds: ").parse().unwrap(),
            memory: told("memory: ").parse().unwrap(),
            into,
            home,
        }
    }
}

/// What became of an archive.
struct Unpacked {
    home: TempDir,
    into: PathBuf,
    said: String,
    seconds: f64,
    memory: u64,
}

impl Unpacked {
    /// What is wrong with how it went, whatever the archive was.
    fn beyond_bounds(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        if self.memory > MOST_MEMORY {
            wrong.push(format!("took {} KiB of memory", self.memory));
        }
        if self.seconds > MOST_SECONDS {
            wrong.push(format!("took {} s", self.seconds));
        }
        if fs::read_dir(self.home.path()).unwrap().count() != 1 {
            wrong.push("wrote something outside".to_owned());
        }
        wrong
    }
}

#[test]
fn every_hostile_archive_is_refused_in_bounds_and_leaves_nothing() {
    let archives = Archives::make();
    assert!(archives.manifest.hostile.len() >= 25);
    let mut wrong = Vec::new();
    let (mut most_memory, mut most_seconds, mut slowest) = (0, 0.0, "");
    for Hostile { file, says, why } in &archives.manifest.hostile {
        let unpacked = archives.unpack(file);
        let mut of_this = unpacked.beyond_bounds();
        if !unpacked.said.contains(says.as_str()) {
            of_this.push(format!("said \"{}\", not \"{says}\"", unpacked.said));
        }
        if fs::read_dir(&unpacked.into).unwrap().count() > 0 {
            of_this.push("left something behind".to_owned());
        }
        wrong.extend(of_this.into_iter().map(|what| format!("{file}, which {why}: {what}")));
        most_memory = most_memory.max(unpacked.memory);
        if unpacked.seconds > most_seconds {
            (most_seconds, slowest) = (unpacked.seconds, file.as_str());
        }
    }
    println!(
        "{} archives, at most {most_memory} KiB; {slowest} took longest, {most_seconds} s",
        archives.manifest.hostile.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn archives_that_only_look_hostile_are_unpacked_and_belong_to_their_owner() {
    let archives = Archives::make();
    for Harmless { file, holds } in &archives.manifest.harmless {
        let unpacked = archives.unpack(file);
        assert_eq!((unpacked.said.as_str(), unpacked.beyond_bounds()), ("unpacked", Vec::new()), "{file}");
        for (name, holds) in holds {
            let path = unpacked.into.join(name);
            let is = match fs::read_link(&path) {
                Ok(target) => format!("-> {}", target.display()),
                Err(_) => fs::read_to_string(&path).unwrap(),
            };
            assert_eq!(is, *holds, "{file}: {name}");
        }
        modes_are_plain(&unpacked.into);
    }
}

fn modes_are_plain(directory: &Path) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let metadata = fs::symlink_metadata(&path).unwrap();
        let mode = metadata.permissions().mode();
        if metadata.is_symlink() {
            continue;
        }
        assert_eq!(mode & 0o7600, 0o600, "{} has mode {mode:o}", path.display());
        if metadata.is_dir() {
            modes_are_plain(&path);
        } else {
            let is_executable = path.ends_with("run.sh");
            assert_eq!(mode & 0o100 != 0, is_executable, "{} has mode {mode:o}", path.display());
        }
    }
}

#[test]
#[ignore = "is started by the tests above, once for each archive"]
fn unpacks_one_archive_in_a_process_of_its_own() {
    let [archive, into] = [ARCHIVE, INTO].map(|name| PathBuf::from(std::env::var_os(name).unwrap()));
    let before = processor_seconds();
    let unpacked = bluestage::archive::unpack(&archive, &into);
    let seconds = processor_seconds() - before;
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    println!("\nsaid: {}", unpacked.map_or_else(|refused| refused.to_string(), |()| "unpacked".to_owned()));
    println!("seconds: {seconds}");
    println!("memory: {}", peak.trim().trim_end_matches(" kB"));
}

/// How long a processor has worked for this thread.
fn processor_seconds() -> f64 {
    let told = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    told.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}
