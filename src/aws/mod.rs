//! AWS: the ports, implemented with the official SDK. No AWS type leaves this module but the configuration that goes in.

pub mod action_types;
mod clients;
mod fault;
mod files;
mod jobs;
mod location;
mod run_records;
mod stacks;
mod stages;
mod state_bucket;

pub use self::action_types::ActionTypes;
pub use self::clients::configuration;
pub use self::location::{BadLocation, StateLocation};
