//! How large the document of a stage is: every change of it is read and written as a whole. Names and times are fixed, so
//! that every byte more is seen here.

use bluestage::release::{Stage, document};

use crate::large_stage::{blue, large_stage};

/// Services beyond these are wired to as many others as all after them.
const SERVICES: usize = 10;

/// What is stored of the stage, without its history.
fn bytes(mut stage: Stage) -> usize {
    stage.recent.clear();
    document::render(&stage).len()
}

#[test]
fn a_service_with_a_live_and_a_previous_version_takes_so_many_bytes() {
    assert_eq!(bytes(large_stage(SERVICES + 1)) - bytes(large_stage(SERVICES)), 3_880);
}

#[test]
fn a_blue_takes_so_many_bytes() {
    let mut stage = large_stage(SERVICES);
    blue(&mut stage, (SERVICES - 1, 2));
    assert_eq!(bytes(stage) - bytes(large_stage(SERVICES)), 1_411);
}

#[test]
fn a_hundred_services_with_all_of_their_history_take_so_many_bytes() {
    assert_eq!(document::render(&large_stage(100)).len(), 415_550);
}
