//! The `bluestage` program.

fn main() {}
