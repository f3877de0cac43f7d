//! A stage as a large team has it, made by the shipping transitions: many services, each with a live and a previous
//! version, wired to those before it.

#![allow(dead_code, unreachable_pub, reason = "shared by several binaries, of which none uses all")]

use std::collections::{BTreeMap, BTreeSet};

use bluestage::release::{
    BlueReady, BlueRequest, Execution, Moment, OnSkew, Promotion, RunId, ServiceName, StackSeen, Stage, VersionRef,
};

/// When it all began: a time of day of as many digits as any has.
const BEGAN: Moment = 1_795_000_000;

/// How many of the services before it each service is wired to.
const WIRED_TO: usize = 3;

/// The name of the service of this number.
pub fn service(number: usize) -> ServiceName {
    format!("service-{number:04}").parse().expect("a name")
}

/// A stage of so many services, each with a live version and a previous one.
pub fn large_stage(services: usize) -> Stage {
    let mut stage = Stage::empty("test".parse().expect("a name"));
    for round in 0..2 {
        for number in 0..services {
            release(&mut stage, (number, round));
        }
    }
    stage
}

/// Releases a version of the service of this number, until it is live.
pub fn release(stage: &mut Stage, (number, round): (usize, usize)) -> VersionRef {
    let of = blue(stage, (number, round));
    let at = BEGAN + 60;
    let run = RunId::new(&action_execution(number, round), 1);
    let seen = BTreeMap::from([(stack_id(&of), Some("2026-11-23T07:33:33.163Z".to_owned()))]);
    stage.run_started(&of, &run, &seen, at).expect("a blue is tested");
    stage.run_passed(&of, &run, at + 60).expect("it passes");
    let stack = StackSeen { id: stack_id(&of), changed_at: Some("2026-11-23T07:33:33.163Z".to_owned()) };
    let terms = Promotion { on_skew: OnSkew::Report, keep: 1, at: at + 120 };
    stage.begin_promotion(&of, &stack, terms).expect("what has passed is promoted");
    stage.finish_promotion(&of, terms).expect("what has passed is promoted");
    stage.seq += 6;
    stage.written_by = "gb8g6lzou5w34b66".to_owned();
    of
}

/// A blue of the service of this number.
pub fn blue(stage: &mut Stage, (number, round): (usize, usize)) -> VersionRef {
    let request = request((number, round));
    let version = stage.begin_blue(&request).expect("a version begins");
    let of = VersionRef { service: request.service, version };
    let url = format!("https://{number:06}{round:04}.execute-api.us-east-1.amazonaws.com/prod");
    let outputs = [("ApiUrl", url.as_str()), ("Version", of.version.as_str()), ("TableName", "orders-1A2B3C4D5E6F")];
    let ready = BlueReady {
        stack_id: stack_id(&of),
        changed_at: Some("2026-11-23T07:33:33.163Z".to_owned()),
        outputs: outputs.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        at: BEGAN + 30,
    };
    stage.blue_ready(&of, &ready).expect("its stack is ready");
    of
}

fn request((number, round): (usize, usize)) -> BlueRequest {
    let wired_to = number.saturating_sub(WIRED_TO)..number;
    BlueRequest {
        service: service(number),
        execution: Execution {
            pipeline_arn: format!("arn:aws:codepipeline:us-east-1:000000000000:service-{number:04}"),
            execution_id: format!("a09965da-6c4c-4a69-{round:04}-{number:012}"),
            action_execution_id: action_execution(number, round),
        },
        wired_to: wired_to.map(|other| (service(other), BTreeSet::from(["ApiUrl".to_owned()]))).collect(),
        depends_on: BTreeSet::new(),
        declares_green: false,
        most_versions: None,
        revision: Some("ad724149d9924becb02d0a43cedaf26e01234567".to_owned()),
        template_digest: "41c2cb5908eb4a898d240ee48204644a0f35b9f29a6239909d3b313b63cfd073".to_owned(),
        at: BEGAN,
        expires_at: BEGAN + 172_800,
    }
}

fn action_execution(number: usize, round: usize) -> String {
    format!("{number:04}{round:04}-59b3-41ef-9ae2-bd8c4c9036e3")
}

fn stack_id(of: &VersionRef) -> String {
    format!(
        "arn:aws:cloudformation:us-east-1:000000000000:stack/test-{}-{}/26da2000-c83e-11f0-a1b2-0affc0ffee00",
        of.service, of.version
    )
}
