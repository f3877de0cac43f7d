//! Reads whatever may lie in the state bucket as a stage document, and works with it.

#![no_main]

use bluestage::release::fuzzing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|given: &[u8]| fuzzing::stage_document(given));
