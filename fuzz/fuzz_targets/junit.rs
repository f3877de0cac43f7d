//! Reads whatever a test command may leave as its report.

#![no_main]

use bluestage::runner::fuzzing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|given: &[u8]| fuzzing::junit(given));
