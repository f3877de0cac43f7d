//! Writes the figures into `docs/performance.md`, between the marks that stand there for each part.

use std::fs;
use std::time::Duration;

use super::table::Part;
use super::world::root;

/// Puts each part's table between its marks, and when the run was, how long it took and the machine at the top.
pub(crate) fn write(parts: &[Part], took: Duration) {
    let path = root().join("docs/performance.md");
    let mut page = fs::read_to_string(&path).unwrap();
    for part in parts {
        page = replaced(&page, part.name, &part.markdown());
    }
    page = replaced(&page, "machine", &format!("{}\n", machine(took)));
    fs::write(path, page).unwrap();
}

fn replaced(page: &str, name: &str, figures: &str) -> String {
    let (begin, end) = (format!("<!-- figures: {name} -->\n"), "<!-- end -->");
    let (before, rest) = page.split_once(&begin).unwrap_or_else(|| panic!("the page has no place for {name}"));
    let (_, after) = rest.split_once(end).expect("a place ends");
    format!("{before}{begin}\n{figures}\n{end}{after}")
}

/// What the figures were measured on.
fn machine(took: Duration) -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let value = |text: String, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).map(str::to_owned);
        line.and_then(|line| line.split_once(':').map(|(_, value)| value.trim().to_owned())).unwrap_or_default()
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let processor = value(read("/proc/cpuinfo"), "model name");
    let memory: u64 = value(read("/proc/meminfo"), "MemTotal").trim_end_matches(" kB").parse().unwrap_or_default();
    let load = read("/proc/loadavg").split(' ').next().unwrap_or_default().to_owned();
    let now = jiff::Timestamp::now();
    let kernel = read("/proc/sys/kernel/osrelease");
    format!(
        "Run of {} on {cores} cores ({processor}), {} GiB of memory, Linux {}; average load at the end {load}. It took \
         {} s, without building.",
        now.strftime("%Y-%m-%d %H:%M UTC"),
        memory >> 20,
        kernel.trim(),
        took.as_secs()
    )
}
