//! The `bluestage` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    bluestage::cli::run()
}
