//! `bluestage completions` and `bluestage manual`: what a shell and `man` want to know, made from the flags.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Command};
use clap_complete::Shell;
use clap_mangen::Man;

use super::Trouble;

/// The flags of `bluestage completions`.
#[derive(Args)]
pub(super) struct CompletionsFlags {
    /// The shell
    shell: Shell,
}

/// The flags of `bluestage manual`.
#[derive(Args)]
pub(super) struct ManualFlags {
    /// The directory that gets a page for each verb
    directory: PathBuf,
}

/// Prints what the shell reads to complete verbs and flags.
pub(super) fn complete(flags: &CompletionsFlags, mut program: Command) -> Result<(), Trouble> {
    let mut script = Vec::new();
    clap_complete::generate(flags.shell, &mut program, "bluestage", &mut script);
    // In one piece, so that a reader that has enough (`| head`) is an error like any other and no panic.
    std::io::stdout().lock().write_all(&script)?;
    Ok(())
}

/// Writes the pages of the manual.
pub(super) fn manual(flags: &ManualFlags, mut program: Command) -> Result<(), Trouble> {
    std::fs::create_dir_all(&flags.directory)?;
    program.build();
    page(&flags.directory, &program, "bluestage")
}

/// The page of one verb, and of those below it.
fn page(directory: &Path, verb: &Command, name: &str) -> Result<(), Trouble> {
    let mut text = Vec::new();
    Man::new(verb.clone().name(name.to_owned())).render(&mut text)?;
    std::fs::write(directory.join(format!("{name}.1")), text)?;
    let below = verb.get_subcommands().filter(|below| below.get_name() != "help");
    for below in below {
        page(directory, below, &format!("{name}-{}", below.get_name()))?;
    }
    Ok(())
}
