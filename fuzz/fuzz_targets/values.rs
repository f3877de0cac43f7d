//! Reads whatever a pipeline's author may write as ParameterOverrides or EnvironmentVariables.

#![no_main]

use bluestage::actions::fuzzing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|given: &str| fuzzing::values(given));
