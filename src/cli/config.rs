//! The configuration file: settings for whoever does not want to give them as flags or variables.
//!
//! There is no second list of settings. A key is the name of a flag that may be a variable, too, and its value becomes the
//! default of that flag wherever a verb has it. So clap reads and checks it as it does all others, flags and variables
//! win over it by themselves, and a flag that is added is a setting of the file at once.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::builder::Resettable;
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Command, Error, value_parser};
use toml::de::{DeTable, DeValue};

/// The name of the flag that names the file.
const FLAG: &str = "config";

/// Ten times as large as a file with every setting and a comment on each; what is larger is something else.
const LARGEST_FILE: u64 = 64 << 10;

/// How the variables of settings begin. Others, such as `USER`, are there for other reasons.
const VARIABLES: [&str; 2] = ["BLUESTAGE_", "OTEL_"];

/// What the file gives: the words of each flag, as a command line would have them.
type Given = BTreeMap<String, Vec<String>>;

/// `--config`, for every verb.
pub(super) fn flag() -> Arg {
    Arg::new(FLAG)
        .long(FLAG)
        .env("BLUESTAGE_CONFIG")
        .global(true)
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf))
        .help("A file with settings, in TOML: its keys are the flags without their dashes. Flags and variables win over it")
}

/// What the command line, the variables and the file say, if they can be read.
pub(super) fn matches(program: Command) -> Result<ArgMatches, Error> {
    // The first reading only finds the file: what is missing may stand in it. It ends at --help and --version.
    let asked = program.clone().ignore_errors(true).get_matches();
    let verb = asked.subcommand_name().and_then(|name| program.find_subcommand(name));
    // Verbs that the worker gives itself have no settings, and may not be able to read the file.
    let is_ours = verb.is_some_and(Command::is_hide_set);
    let program = match asked.get_one::<PathBuf>(FLAG) {
        Some(path) if !is_ours => {
            let given = given(&program, path);
            let given = given.map_err(|wrong| Error::raw(ErrorKind::ValueValidation, format!("{wrong}\n")))?;
            with_defaults(program, &given)
        }
        Some(_) | None => program,
    };
    program.try_get_matches()
}

/// The flags of a verb and of those below it have what the file gives as their default.
fn with_defaults(verb: Command, given: &Given) -> Command {
    let verb = verb.mut_args(|flag| {
        let words = keys_of(&flag).find_map(|key| given.get(key)).cloned();
        match words {
            Some(words) => flag.required(false).default_values(words),
            None => flag,
        }
    });
    verb.mut_subcommands(|below| with_defaults(below, given))
}

/// What the file at `path` gives, or what is wrong with it.
fn given(program: &Command, path: &Path) -> Result<Given, String> {
    let text = read(path)?;
    let at = |offset: usize| format!("{}, line {}", path.display(), line_of(&text, offset));
    let table = DeTable::parse(&text).map_err(|error| {
        let span = error.span().unwrap_or_default();
        let found = text.get(span.clone()).filter(|found| !found.trim().is_empty());
        let found = found.map(|found| format!(": {found}")).unwrap_or_default();
        let told = format!("{}: this is no TOML: {}{found}", at(span.start), error.message());
        told.replace('\n', " ")
    })?;
    let flags = flags_of(program);
    let mut given = Given::new();
    for (key, value) in table.get_ref() {
        let name = key.get_ref();
        let words = words_for(&flags, name, value.get_ref());
        let words = words.map_err(|wrong| format!("{}: {wrong}", at(key.span().start)))?;
        given.insert(name.to_string(), words);
    }
    Ok(given)
}

fn read(path: &Path) -> Result<String, String> {
    let unread = |why| format!("the configuration file {} cannot be read: {why}", path.display());
    let file = File::open(path).map_err(unread)?;
    let mut bytes = Vec::new();
    file.take(LARGEST_FILE + 1).read_to_end(&mut bytes).map_err(unread)?;
    if bytes.len() as u64 > LARGEST_FILE {
        let most = LARGEST_FILE >> 10;
        return Err(format!("{} is larger than {most} KiB, so it is no configuration file", path.display()));
    }
    String::from_utf8(bytes).map_err(|error| {
        let before = String::from_utf8_lossy(&error.as_bytes()[..error.utf8_error().valid_up_to()]);
        format!("{}, line {}: this is no text in UTF-8", path.display(), line_of(&before, before.len()))
    })
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

/// Every flag of every verb for people.
fn flags_of(program: &Command) -> Vec<&Arg> {
    let own = program.get_arguments().filter(|flag| flag.get_long().is_some_and(|name| name != FLAG));
    let below = program.get_subcommands().filter(|verb| !verb.is_hide_set());
    own.chain(below.flat_map(flags_of)).collect()
}

/// By which keys a flag is known: its name, and others that it has been given.
fn keys_of(flag: &Arg) -> impl Iterator<Item = &str> {
    flag.get_long().into_iter().chain(flag.get_all_aliases().unwrap_or_default())
}

/// Whether it is a setting. What has no variable is said in each call, such as `--force`.
fn is_setting(flag: &Arg) -> bool {
    flag.get_env()
        .and_then(|name| name.to_str())
        .is_some_and(|name| VARIABLES.iter().any(|begin| name.starts_with(begin)))
}

/// The words by which a command line would give this value to every flag of this name; or why that cannot be.
fn words_for(flags: &[&Arg], name: &str, value: &DeValue<'_>) -> Result<Vec<String>, String> {
    let named: Vec<&Arg> = flags.iter().copied().filter(|flag| keys_of(flag).any(|key| key == name)).collect();
    let settings: Vec<&Arg> = named.iter().copied().filter(|flag| is_setting(flag)).collect();
    let Some(first) = settings.first() else {
        return Err(match named.is_empty() {
            true => format!("there is no setting \"{name}\". The settings are: {}", settings_of(flags)),
            false => format!("\"{name}\" is no setting: it is said in each call, as --{name}"),
        });
    };
    if first.is_hide_env_values_set() {
        let variable = first.get_env().unwrap_or_default().display();
        return Err(format!("\"{name}\" is a secret, and this file is none. Give it as the variable {variable}"));
    }
    let words = words_of(first, value).map_err(|wrong| format!("\"{name}\" {wrong}"))?;
    for flag in settings {
        check(flag, name, &words).map_err(|wrong| format!("\"{name}\": {wrong}"))?;
    }
    Ok(words)
}

/// The names of all settings that a file may give.
fn settings_of(flags: &[&Arg]) -> String {
    let open = flags.iter().filter(|flag| is_setting(flag) && !flag.is_hide_env_values_set());
    let mut names: Vec<&str> = open.filter_map(|flag| flag.get_long()).collect();
    names.sort_unstable();
    names.dedup();
    names.join(", ")
}

fn words_of(flag: &Arg, value: &DeValue<'_>) -> Result<Vec<String>, String> {
    let is_list = matches!(flag.get_action(), ArgAction::Append);
    match (value, flag.get_action().takes_values()) {
        (DeValue::Boolean(yes), false) => Ok(vec![yes.to_string()]),
        (other, false) => Err(format!("must be true or false, and is {}", kind_of(other))),
        (DeValue::Array(all), true) if is_list => all.iter().map(|one| word_of(one.get_ref())).collect(),
        (one, true) => Ok(vec![word_of(one)?]),
    }
}

fn word_of(value: &DeValue<'_>) -> Result<String, String> {
    match value {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map(|number| number.to_string())
            .map_err(|_| "is a number that is too large".to_owned()),
        DeValue::Float(number) => Ok(number.as_str().to_owned()),
        other => Err(format!("must be a text or a number, and is {}", kind_of(other))),
    }
}

fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a time",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

/// Lets clap read the words as it reads the flag itself, and tells what it says against them.
fn check(flag: &Arg, name: &str, words: &[String]) -> Result<(), String> {
    if !flag.get_action().takes_values() {
        return Ok(());
    }
    let alone = flag.clone().required(false).env(Resettable::Reset);
    let reader = Command::new("setting").no_binary_name(true).disable_help_flag(true).arg(alone);
    let said = words.iter().map(|word| format!("--{name}={word}"));
    let Err(error) = reader.try_get_matches_from(said) else {
        return Ok(());
    };
    let told = error.to_string();
    let told = told.split("\n\n").next().unwrap_or_default().trim_start_matches("error: ");
    Err(told.split_whitespace().collect::<Vec<_>>().join(" "))
}
