//! What processes use, as Linux tells it; and what is said of many measurements.

use std::fs;
use std::time::Duration;

/// Linux counts processor time in hundredths of a second (`man 5 proc`, `USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

/// The processor time that a process has used, in seconds.
pub(crate) fn processor_seconds(process: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // The name, in parentheses, may hold anything.
    let after_name = stat.rsplit_once(')').unwrap().1;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks = |field: usize| fields[field].parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / TICKS_PER_SECOND
}

/// The memory that a process holds now, in KiB.
pub(crate) fn resident_kib(process: u32) -> f64 {
    kib_of(process, "VmRSS:")
}

/// What of it is its own: the rest are pages of the program's file, which Linux takes back and all its processes share.
pub(crate) fn own_kib(process: u32) -> f64 {
    kib_of(process, "RssAnon:")
}

fn kib_of(process: u32, name: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Of so many measurements, the one that this share is below.
pub(crate) fn quantile(measured: &[Duration], share: f64) -> Duration {
    let mut sorted = measured.to_vec();
    sorted.sort();
    let place = (share * sorted.len() as f64).ceil() as usize;
    sorted[place.clamp(1, sorted.len()) - 1]
}

/// In milliseconds, for people.
pub(crate) fn millis(time: Duration) -> String {
    let millis = time.as_secs_f64() * 1_000.0;
    if millis >= 100.0 { format!("{millis:.0} ms") } else { format!("{millis:.1} ms") }
}

/// The median and the 99th hundredth.
pub(crate) fn median_and_p99(measured: &[Duration]) -> String {
    format!("{} / {}", millis(quantile(measured, 0.5)), millis(quantile(measured, 0.99)))
}
