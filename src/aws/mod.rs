//! The only place for AWS SDK types.

pub mod objects;
