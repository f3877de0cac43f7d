//! The stories over ports in memory: what each action does when all goes well, and when any call of it goes wrong.
//!
//! Time is the runtime's paused clock, so hours pass in milliseconds and in the same order every time.

#![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

#[path = "../large_stage/mod.rs"]
mod large_stage;
#[path = "../memory/mod.rs"]
mod memory;

mod builds;
mod console;
mod crashes;
mod cut_actions;
mod cuts;
mod deploy_blue;
mod health;
mod honesty;
mod journal;
mod orphans;
mod promote;
mod refused_deployments;
mod run_isolated_tests;
mod runs_that_get_lost;
mod size;
mod sweep;
mod together;
mod update;
mod updating;
mod waiting;
mod worker;
mod worker_in_trouble;
