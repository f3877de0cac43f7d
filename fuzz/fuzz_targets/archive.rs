//! Unpacks whatever comes: refused with nothing left, or unpacked with nothing outside.

#![no_main]

use bluestage::archive::fuzzing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|given: &[u8]| fuzzing::archive(given));
