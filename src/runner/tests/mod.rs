//! What reports tell. Runs as a whole are in `tests/runner/`: they need the program.

mod hostile;
mod junit;
mod reports;
