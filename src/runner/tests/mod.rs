//! What reports tell. Runs as a whole are in `tests/runner/`: they need the program.

mod junit;
mod reports;
