//! Stage documents that mean harm: each is refused, or is worked with without a panic.

use std::fs;

use super::World;
use crate::release::{document, fuzzing};

/// A document with all kinds of versions in it.
fn full() -> String {
    let mut world = World::new();
    world.live("base", "e-1", &[]);
    world.live("base", "e-2", &[]);
    world.live("shop", "e-3", &["base"]);
    world.tested("shop", "e-4", &["base"]);
    world.blue("shop", "e-5", &["base"]);
    assert!(world.live_version("shop").is_some());
    String::from_utf8(document::render(&world.stage)).unwrap()
}

#[test]
fn a_document_that_contradicts_itself_harms_nobody() {
    let full = full();
    fuzzing::stage_document(full.as_bytes());
    for (from, to) in [
        ("\"live\":\"v", "\"live\":\"w"),
        ("\"previous\":[\"v", "\"previous\":[\"w"),
        ("\"next_ordinal\":3", "\"next_ordinal\":18446744073709551615"),
        ("\"ordinal\":1", "\"ordinal\":18446744073709551615"),
        ("\"seq\":", "\"seq\":1844674407370955161"),
        ("\"state\":\"Live\"", "\"state\":\"Creating\""),
        ("\"state\":\"Tested\"", "\"state\":\"Live\""),
        ("\"version\":\"v", "\"version\":\"w"),
        ("\"until\":", "\"until\":9"),
        ("\"expires_at\":", "\"expires_at\":99999999"),
    ] {
        fuzzing::stage_document(full.replace(from, to).as_bytes());
        fuzzing::stage_document(full.replacen(from, to, 1).as_bytes());
    }
}

#[test]
fn a_document_that_is_none_is_refused() {
    let name = "test".parse().unwrap();
    let full = full();
    for bytes in [
        b"[".repeat(200_000),
        br#"{"schema":"#.repeat(1_000),
        full.replace("\"schema\":1", "\"schema\":-1").into_bytes(),
        full.replace("\"schema\":1", "\"schema\":1,\"schema\":1").into_bytes(),
        full.replace("\"name\":\"test\"", "\"name\":\"../test\"").into_bytes(),
        full.replace("\"seq\":", "\"seq\":99999999999999999999").into_bytes(),
        full.replace("\"Live\"", "\"Alive\"").into_bytes(),
        full.as_bytes()[..full.len() / 2].to_vec(),
        full.as_bytes().iter().map(|byte| byte | 0x80).collect(),
        [full.as_bytes(), b"x"].concat(),
    ] {
        fuzzing::stage_document(&bytes);
        assert!(document::parse(&name, &bytes).is_err(), "{}", String::from_utf8_lossy(&bytes[..40]));
    }
}

#[test]
fn whatever_was_found_by_fuzzing_is_read() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/stage_document");
    let inputs: Vec<_> = fs::read_dir(corpus).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!inputs.is_empty());
    inputs.iter().for_each(|input| fuzzing::stage_document(&fs::read(input).unwrap()));
}
