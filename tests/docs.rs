//! The documents say what the program does: flags, links and the verbs of `make` are compared here.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Every verb that has flags, as one writes it.
const VERBS: &[&str] = &[
    "worker",
    "status",
    "explain",
    "doctor",
    "health",
    "switch-back",
    "rebind",
    "sweep",
    "actions register",
    "actions show",
    "actions deregister",
    "local",
    "completions",
    "manual",
];

/// The heading in the configuration page for flags that every verb has.
const EVERY_VERB: &str = "## Every verb";

#[test]
fn every_flag_is_in_the_configuration_page_and_the_other_way_round() {
    let page = read("docs/configuration.md");
    let common = flags_told(section(&page, EVERY_VERB));
    for verb in VERBS {
        let heading = format!("`bluestage {verb}`");
        let own = flags_told(section(&page, &heading));
        let told: BTreeSet<String> = common.union(&own).cloned().collect();
        assert_eq!(flags_of(verb), told, "flags of bluestage {verb}: on the left what --help prints");
    }
}

#[test]
fn every_variable_is_told_with_its_flag() {
    let page = read("docs/configuration.md");
    for verb in VERBS {
        for word in words(&help(verb)).filter(|word| word.starts_with("BLUESTAGE_")) {
            assert!(page.contains(&format!("`{word}`")), "{word} is not in docs/configuration.md");
        }
    }
}

#[test]
fn every_verb_is_told() {
    let page = read("docs/configuration.md");
    for verb in commands_of(&[]) {
        assert!(page.contains(&format!("`bluestage {verb}")), "bluestage {verb} is not in docs/configuration.md");
        for below in commands_of(&[&verb]) {
            let whole = format!("{verb} {below}");
            assert!(VERBS.contains(&whole.as_str()), "bluestage {whole} is not in this test");
        }
    }
}

#[test]
fn every_link_leads_somewhere() {
    for (path, text) in documents() {
        let directory = path.parent().expect("a directory");
        for link in links(&text).filter(|link| !link.contains("://") && !link.starts_with('#')) {
            let file = link.split('#').next().unwrap_or_default();
            assert!(directory.join(file).exists(), "{} links to {link}, which is not there", path.display());
        }
    }
}

#[test]
fn every_file_that_is_named_is_there() {
    let root = root();
    for (path, text) in documents() {
        for name in text.split('`').skip(1).step_by(2) {
            let ours = ["src/", "tests/", "examples/", "docs/", "observability/", "pipeline-templates/"];
            let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
            if plain && ours.iter().any(|start| name.starts_with(start)) {
                assert!(root.join(name).exists(), "{} names {name}, which is not there", path.display());
            }
        }
    }
}

#[test]
fn every_verb_of_make_exists() {
    let makefile = read("Makefile");
    for (path, text) in documents() {
        for after in text.split("make ").skip(1) {
            let verb: String = after.chars().take_while(char::is_ascii_lowercase).collect();
            let code = text.contains(&format!("`make {verb}")) || text.contains(&format!("\nmake {verb}"));
            let exists = makefile.contains(&format!("\n{verb}:"));
            assert!(exists || !code, "{} names make {verb}, which is not there", path.display());
        }
    }
}

#[test]
fn every_cause_is_told_to_whoever_runs_workers_and_no_other() {
    let source = read("src/ports/verdict.rs");
    let (_, causes) = source.split_once("pub enum Cause {").expect("the causes");
    let causes = causes.split('}').next().unwrap_or_default().lines().map(str::trim);
    let causes = causes.filter(|line| !line.starts_with("//")).filter_map(|line| line.strip_suffix(','));
    let causes: BTreeSet<&str> = causes.collect();
    assert!(causes.contains("Misconfigured"), "{causes:?}");
    for (page, heading, column) in
        [("docs/operations.md", "What each cause means", 1), ("docs/messages.md", "When an action fails", 2)]
    {
        let page = read(page);
        let page = page.replacen("# ", "\n## ", 1);
        let rows = section(&page, heading).lines().filter(|line| line.starts_with("| `"));
        let told: Vec<&str> = rows.filter_map(|row| row.split('|').nth(column)).collect();
        let told: Vec<&str> = told.iter().map(|cell| cell.trim().trim_matches('`')).collect();
        assert_eq!(told.iter().copied().collect::<BTreeSet<_>>(), causes, "under {heading}");
        assert_eq!(told.len(), causes.len(), "each once under {heading}");
    }
}

#[test]
fn every_exit_code_is_told_and_no_other() {
    let source = read("src/cli/mod.rs");
    let (_, ends) = source.split_once("enum Exit {").expect("how the program ends");
    let ends = ends.split('}').next().unwrap_or_default().lines().filter_map(|line| line.split_once(" = "));
    let ours: BTreeSet<u8> = ends.filter_map(|(_, code)| code.trim_end_matches(',').parse().ok()).collect();
    assert_eq!(ours, BTreeSet::from([0, 1, 3, 4]), "and 2 is clap's");
    assert_eq!(ask_wrongly(&["no-such-verb"]), Some(2));
    let all: BTreeSet<u8> = ours.into_iter().chain([2]).collect();
    for page in ["docs/configuration.md", "docs/operations.md"] {
        let page = read(page);
        let rows = section(&page, "Exit codes").lines().filter_map(|line| line.strip_prefix("| "));
        let told: Vec<u8> = rows.filter_map(|row| row.split(' ').next()?.parse().ok()).collect();
        assert_eq!(told.iter().copied().collect::<BTreeSet<_>>(), all);
        assert_eq!(told.len(), all.len(), "each once");
    }
    for (path, text) in sources() {
        // The supervisor and the command that it starts end as the test command does.
        let may = path.ends_with("src/cli/mod.rs")
            || path.ends_with("src/main.rs")
            || path.to_string_lossy().contains("src/runner/");
        assert!(may || !text.contains("ExitCode") && !text.contains("process::exit"), "{}", path.display());
    }
}

#[test]
fn the_configuration_file_of_the_page_is_one() {
    let page = read("docs/configuration.md");
    let (_, block) = page.split_once("```toml\n").expect("an example");
    let example = block.split("```").next().unwrap_or_default();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("bluestage.toml");
    let name = file.to_str().expect("a text");
    fs::write(&file, example).expect("a file");
    ask(&["--config", name, "completions", "bash"]);
    // It is really read.
    fs::write(&file, format!("{example}\nno-such-setting = 1\n")).expect("a file");
    assert_eq!(ask_wrongly(&["--config", name, "completions", "bash"]), Some(2));
}

#[test]
fn the_manual_has_a_page_for_every_verb() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    ask(&["manual", directory.path().to_str().expect("a text")]);
    let pages = fs::read_dir(directory.path()).expect("a directory").flatten();
    let told: BTreeSet<String> = pages.map(|page| page.file_name().to_string_lossy().into_owned()).collect();
    let verbs = VERBS.iter().map(|verb| format!("bluestage-{}.1", verb.replace(' ', "-")));
    let wanted: BTreeSet<String> = verbs.chain(["bluestage.1", "bluestage-actions.1"].map(str::to_owned)).collect();
    assert_eq!(told, wanted);
    let worker = fs::read_to_string(directory.path().join("bluestage-worker.1")).expect("the page");
    assert!(worker.contains("BLUESTAGE_STATE"), "{worker}");
}

#[test]
fn a_shell_can_complete_every_verb() {
    let script = ask(&["completions", "bash"]);
    for verb in commands_of(&[]) {
        assert!(script.contains(&verb), "bash does not complete {verb}");
    }
    assert!(!script.contains("run-supervisor"), "bash completes what only the worker calls");
}

#[test]
fn the_version_tells_the_build() {
    let told = ask(&["--version"]);
    let version = env!("CARGO_PKG_VERSION");
    assert!(told.starts_with(&format!("bluestage {version} (")) && told.contains("commit"), "{told}");
    assert!(told.contains(" build for ") && told.contains(std::env::consts::ARCH), "{told}");
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// What the program takes in when it is compiled must be there when the image is built.
#[test]
fn the_image_is_built_with_all_that_the_program_takes_in() {
    let (dockerfile, ignored) = (read("Dockerfile"), read(".dockerignore"));
    let build = dockerfile.split("\nFROM ").nth(1).expect("the stage that builds");
    let copies = build.lines().filter_map(|line| line.strip_prefix("COPY ")?.rsplit_once(' '));
    let copied: Vec<&str> = copies.flat_map(|(sources, _)| sources.split(' ')).collect();
    let sent: Vec<&str> = ignored.lines().filter_map(|line| line.strip_prefix('!')).collect();
    let covers = |of: &[&str], file: &str| {
        of.iter().any(|given| match given.split_once('*') {
            Some((begin, end)) => file.starts_with(begin) && file.ends_with(end),
            None => file == *given || file.strip_prefix(given).is_some_and(|below| below.starts_with('/')),
        })
    };
    let mut taken = vec!["Cargo.toml".to_owned(), "Cargo.lock".to_owned()];
    for (_, text) in sources() {
        let product = text.split("#[cfg(test)]").next().unwrap_or_default();
        let included = product.split("include_str!(\"").skip(1).filter_map(|rest| rest.split('"').next());
        let outside = included.filter(|path| path.starts_with("../"));
        taken.extend(outside.map(|path| path.trim_start_matches("../").to_owned()));
        let pages = product.split("#[template(path = \"").skip(1).filter_map(|rest| rest.split('"').next());
        taken.extend(pages.map(|page| format!("templates/{page}")));
    }
    assert!(taken.len() >= 5, "{taken:?}");
    for file in taken {
        assert!(root().join(&file).exists(), "{file} is not there: this test misreads where it lies");
        assert!(covers(&copied, &file), "the Dockerfile does not copy {file}");
        assert!(covers(&sent, &file), ".dockerignore keeps {file} out");
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).expect("the document is there")
}

/// Every source of the program.
fn sources() -> Vec<(PathBuf, String)> {
    let mut directories = vec![root().join("src")];
    let mut found = Vec::new();
    while let Some(directory) = directories.pop() {
        for path in fs::read_dir(directory).expect("a directory").flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push((path.clone(), fs::read_to_string(&path).expect("a text")));
            }
        }
    }
    found
}

/// README, changes, and everything in `docs/`, `docs/decisions/` and `pipeline-templates/`.
fn documents() -> Vec<(PathBuf, String)> {
    let directories = ["", "docs", "docs/decisions", "pipeline-templates"].map(|name| root().join(name));
    let entries = directories.iter().flat_map(|directory| fs::read_dir(directory).expect("a directory").flatten());
    let pages = entries.map(|entry| entry.path()).filter(|path| is_markdown(path));
    pages.map(|path| (path.clone(), fs::read_to_string(&path).expect("a text"))).collect()
}

fn is_markdown(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "md")
}

/// The targets of `[text](target)`.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|after| after.split(')').next())
}

/// What stands under the heading that contains `title`, up to the next one.
fn section<'a>(page: &'a str, title: &str) -> &'a str {
    let mut sections = page.split("\n## ");
    let title = title.trim_start_matches("## ");
    let found = sections.find(|section| section.lines().next().is_some_and(|heading| heading.contains(title)));
    found.unwrap_or_else(|| panic!("docs/configuration.md has no section {title}"))
}

/// The flags in the first columns of a section's table.
fn flags_told(section: &str) -> BTreeSet<String> {
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `--"));
    rows.filter_map(|row| row.split('`').next()).map(|flag| format!("--{flag}")).collect()
}

/// The flags that `--help` prints: the lines that begin with one.
fn flags_of(verb: &str) -> BTreeSet<String> {
    let help = help(verb);
    let lines = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
    let flags = lines.filter_map(|line| words(line).find(|word| word.starts_with("--")));
    flags.map(str::to_owned).collect()
}

/// Text cut at everything that is no part of a flag or a variable.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'))
}

/// The verbs below this one.
fn commands_of(verb: &[&str]) -> Vec<String> {
    let help = help(&verb.join(" "));
    let Some((_, after)) = help.split_once("Commands:\n") else {
        return Vec::new();
    };
    let list = after.lines().take_while(|line| !line.is_empty());
    let verbs = list.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = verbs.filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

fn help(verb: &str) -> String {
    let words: Vec<&str> = verb.split_whitespace().chain(["--help"]).collect();
    ask(&words)
}

/// What the program answers.
fn ask(words: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_bluestage")).args(words).env_clear().output();
    let output = output.expect("bluestage can be run");
    assert!(output.status.success(), "bluestage {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// The code with which the program ends that is asked for what it does not have.
fn ask_wrongly(words: &[&str]) -> Option<i32> {
    let output = Command::new(env!("CARGO_BIN_EXE_bluestage")).args(words).env_clear().output();
    output.expect("bluestage can be run").status.code()
}
