//! The `bluestage` program.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    bluestage::cli::run().await
}
