//! Reads whatever may come back as a continuation token.

#![no_main]

use bluestage::actions::fuzzing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|given: &str| fuzzing::token(given));
