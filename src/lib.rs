//! bluestage: an AWS CodePipeline custom-action worker that gives every pipeline execution its own parallel stack
//! version in a shared test stage.
//!
//! Read in this order: `release` (the rules: pure), `ports` (what the rules need of the world), `actions` (the
//! three stories), then `worker` (poll, acknowledge, act, report). `aws` and `runner` implement the ports;
//! `local` is a CodePipeline to try it all on, `console` shows it in a browser. `docs/architecture.md` has the picture.

pub mod actions;
pub mod archive;
pub mod aws;
pub mod cli;
pub mod clock;
pub mod console;
pub mod dice;
pub mod doctor;
pub mod health;
pub mod local;
pub mod ports;
pub mod release;
pub mod runner;
pub mod status;
pub mod telemetry;
pub mod worker;
