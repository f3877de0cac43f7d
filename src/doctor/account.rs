//! Region, credentials, clock, and whether each service can be reached.

use std::cmp::Ordering;

use super::{Caller, Facts, Line, Probed, Reached, Service, Unknown, said};
use crate::ports::Fault;

const REGION: &str = "region";
const CREDENTIALS: &str = "credentials";
const ACCOUNT: &str = "account";
const CLOCK: &str = "clock";

/// Below this nobody notices: an answer's date has whole seconds, and the way takes some time.
const LITTLE: u64 = 30;

/// From here on AWS refuses a signature (Signature Version 4: five minutes; S3: fifteen). The SDK of the worker measures
/// the difference and makes up for it; the tools of the tests need not, and times in the stage document are wrong.
const MUCH: u64 = 5 * 60;

/// What is known without asking AWS.
pub(super) fn own(facts: &Facts) -> Vec<Line> {
    let region = match &facts.region {
        Some(region) => Line::pass(REGION, region),
        None => Line::fail(REGION, "no region is set").cure(
            "Set the region of the pipelines, as every AWS tool reads it: AWS_REGION, or region in the profile of AWS_PROFILE.",
        ),
    };
    let credentials = match &facts.credentials {
        Ok(()) => Line::pass(CREDENTIALS, "found"),
        Err(unknown) => Line::fail(CREDENTIALS, said(unknown)).cure(
            "Give credentials as every AWS tool takes them: AWS_PROFILE, AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY, or \
             the role of the instance or task.",
        ),
    };
    vec![region, credentials]
}

/// The names of the lines of [`asked`], in their order.
pub(super) fn names() -> Vec<&'static str> {
    let services = Service::ALL.map(Service::name);
    [ACCOUNT, CLOCK].into_iter().chain(services).collect()
}

/// What AWS says of who asks, of the time, and by answering at all.
pub(super) fn asked(probed: &Probed) -> Vec<Line> {
    let mut lines = vec![account(&probed.caller), clock(&probed.services)];
    lines.extend(probed.services.iter().map(|(service, reached)| reach(*service, reached)));
    lines
}

fn account(caller: &Result<Caller, Unknown>) -> Line {
    match caller {
        Ok(Caller { account, arn }) => Line::pass(ACCOUNT, format!("{account}, as {arn}")),
        Err(unknown @ Unknown::Fault(Fault::Denied { .. })) => Line::fail(ACCOUNT, said(unknown)).cure(
            "AWS does not know these credentials: the key is wrong, was deleted, or belongs to another partition. Give others.",
        ),
        Err(unknown @ Unknown::Fault(Fault::Unavailable { detail, .. })) if detail.contains("Expired") => {
            Line::fail(ACCOUNT, said(unknown)).cure("Fetch fresh credentials: these have expired.")
        }
        Err(unknown) => Line::fail(ACCOUNT, said(unknown)).cure("See STS below: it alone can tell whose credentials these are."),
    }
}

/// By the first service that tells a date, in the order of the lines.
fn clock(services: &[(Service, Reached)]) -> Line {
    let told = services.iter().find_map(|(service, reached)| match reached {
        Reached::Answered { ahead: Some(ahead), .. } => Some((*service, *ahead)),
        Reached::Answered { ahead: None, .. } | Reached::Silent(_) => None,
    });
    let Some((service, ahead)) = told else {
        return Line::not_checked(CLOCK, "no service told the date");
    };
    let how = match ahead.cmp(&0) {
        Ordering::Greater => "behind",
        Ordering::Less => "ahead of",
        Ordering::Equal => "even with",
    };
    let off = ahead.unsigned_abs();
    let found = format!("this machine's clock is {} {how} that of {}", length(off), service.name());
    let cure = "Let NTP set this machine's clock (timedatectl set-ntp true; on EC2 chrony with 169.254.169.123).";
    match off {
        0..LITTLE => Line::pass(CLOCK, format!("within {LITTLE} s of that of {}", service.name())),
        LITTLE..MUCH => Line::warn(CLOCK, found).cure(format!("{cure} Times in stage documents and certificates are wrong.")),
        _ => Line::fail(CLOCK, found).cure(format!(
            "{cure} AWS refuses signatures that are five minutes off; the worker makes up for it, what its tests call may not."
        )),
    }
}

fn length(seconds: u64) -> String {
    if seconds < 120 { format!("{seconds} s") } else { format!("{} min", (seconds + 30) / 60) }
}

fn reach(service: Service, reached: &Reached) -> Line {
    let name = service.name();
    match reached {
        Reached::Answered { address, status, .. } if *status >= 500 => {
            Line::warn(name, format!("{address} answers, but with HTTP status {status}"))
                .cure("Try again; if it stays so, see the AWS Health Dashboard, or a proxy between here and there.")
        }
        Reached::Answered { address, .. } => Line::pass(name, format!("{address} answers")),
        Reached::Silent(unknown) => Line::fail(name, format!("no answer: {}", said(unknown))).cure(format!(
            "Let this machine reach {name} by HTTPS: a route through NAT or a VPC endpoint, its security group and DNS; and see \
             whether AWS_ENDPOINT_URL or a proxy (HTTPS_PROXY) leads astray."
        )),
    }
}
