//! Commands that mean harm. Each is contained, and the worker (here: this process) is unharmed.
//!
//! What only a newer kernel or another user than root offers is tested where it is there; elsewhere the test says why
//! it is not run. `docs/security.md` has the list.

use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::{Bench, LONG, Memory, quick, settings};
use bluestage::clock::Clock;
use bluestage::ports::{Overrun, RunStatus, TestRuns};
use bluestage::runner::{Settings, enforced};

/// Whether the kernel keeps test commands to their files and away from other processes' memory. Says so if not.
fn has_landlock() -> bool {
    let there = enforced().starts_with("Landlock");
    if !there {
        eprintln!("not run: {}", enforced());
    }
    there
}

/// The same for signals to other processes.
fn has_signal_scope() -> bool {
    let there = has_landlock() && !enforced().contains("are not");
    if !there {
        eprintln!("not run: signals to other processes are not denied: {}", enforced());
    }
    there
}

#[tokio::test]
async fn a_daemon_that_left_its_session_ends_with_the_run() {
    let bench = Bench::new();
    // Twice forked, in a session of its own, its parents gone: the way of every daemon.
    let command = "setsid sh -c 'setsid sh -c \"echo \\$\\$; exec sleep 60\" & exit' & sleep 0.3";
    let began = bench.clock.elapsed();
    let end = bench.run(bench.spec("daemon", command)).await;
    let daemon: u32 = end.tail.trim().parse().unwrap();
    assert!(end.passed(), "{end:?}");
    assert!(!crate::is_alive(daemon), "it ended before the run did");
    assert!(bench.clock.elapsed() - began < LONG);
    bench.is_clean();
}

#[tokio::test]
async fn a_daemon_that_ignores_every_request_ends_at_the_time_limit() {
    let bench = Bench::new();
    let command = "setsid sh -c 'trap \"\" TERM HUP INT; echo $$; while :; do sleep 1; done' & wait";
    let mut spec = bench.spec("stubborn-daemon", command);
    spec.time_limit = Duration::from_secs(1);
    let end = bench.run(spec).await;
    assert_eq!(end.exceeded_seconds, Some(1));
    assert!(!crate::is_alive(end.tail.trim().parse().unwrap()));
    bench.is_clean();
}

#[tokio::test]
async fn a_command_that_forks_for_ever_is_ended_with_all_its_processes() {
    explodes("bomb", "bomb() { [ -e go ] || exit; bomb & bomb & wait; }; bomb").await;
}

#[tokio::test]
async fn a_command_that_forks_into_ever_new_sessions_is_ended_too() {
    explodes("hydra", "[ -e go ] || exit; setsid sh hydra & setsid sh hydra & sleep 9").await;
}

/// Runs this, as the script of that name, and sees that it is ended at its limit.
async fn explodes(name: &str, script: &str) {
    let bench = Bench::limited(bluestage::runner::Limits { processes: 60, ..Default::default() });
    let spec = bench.spec(name, &bounded(name));
    fs::write(spec.work.join(name), script).unwrap();
    let home = spec.home.path().display().to_string();
    let end = bench.run(spec).await;
    assert_eq!(end.overrun, Some(Overrun::Processes { most: 60 }), "{end:?}");
    assert!(processes_in(&home).is_empty());
    bench.is_clean();
}

/// More than the limit that is tested, and few enough for a busy machine should that limit not hold.
const MOST_PROCESSES: u64 = 150;

/// A command that runs `script` and can have so many processes at most, and five seconds at most, whatever bluestage
/// does. The kernel counts by user, and for root not at all: so root becomes a user without other processes.
fn bounded(script: &str) -> String {
    let for_a_while = "touch go; (sleep 5; rm go) & exec";
    if rustix::process::geteuid().is_root() {
        let nobody = 61_000 + std::process::id() % 1_000 * 2 + u32::from(script == "hydra");
        return format!(
            "{for_a_while} prlimit --nproc={MOST_PROCESSES} setpriv --reuid {nobody} --regid {nobody} --clear-groups sh {script}"
        );
    }
    format!("{for_a_while} prlimit --nproc={} sh {script}", threads_of_this_user() + MOST_PROCESSES)
}

fn threads_of_this_user() -> u64 {
    let uid = rustix::process::getuid().as_raw().to_string();
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let statuses = processes.filter_map(|process| fs::read_to_string(process.path().join("status")).ok());
    let field = |status: &str, name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next().map(str::to_owned)
    };
    let ours = statuses.filter(|status| field(status, "Uid:").is_some_and(|of| of == uid));
    ours.filter_map(|status| field(&status, "Threads:")?.parse::<u64>().ok()).sum()
}

/// Processes that work in this directory.
fn processes_in(home: &str) -> Vec<String> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let works_there = |process: &fs::DirEntry| {
        fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd.to_string_lossy().starts_with(home))
    };
    entries.filter(works_there).map(|process| process.file_name().to_string_lossy().into_owned()).collect()
}

#[tokio::test]
async fn the_workers_environment_and_memory_cannot_be_read() {
    if !has_landlock() {
        return;
    }
    let bench = Bench::new();
    let worker = std::process::id();
    let command = format!(
        "supervisor=$(cut -d' ' -f4 /proc/$$/stat); echo $supervisor; for of in {worker} $supervisor; do \
         for file in environ mem maps; do cat /proc/$of/$file >/dev/null 2>&1 && echo can read $of $file; done; \
         readlink /proc/$of/exe && echo can see $of; readlink /proc/$of/fd/0 && echo can see files of $of; done; true"
    );
    let end = bench.run(bench.spec("reader", &command)).await;
    assert_eq!(end.tail.lines().count(), 1, "{}", end.tail);
}

#[tokio::test]
async fn the_supervisor_has_nothing_of_the_workers_environment() {
    let bench = Bench::new();
    let run = bench.start(bench.spec("clean", "cut -d' ' -f4 /proc/$$/stat; sleep 60")).await;
    let supervisor = bench.number_printed_by(&run).await;
    let environment = fs::read(format!("/proc/{supervisor}/environ"));
    // Who is not root cannot read it at all: it is not dumpable.
    assert!(environment.is_err() || environment.is_ok_and(|text| text.is_empty()));
    bench.runner.stop_all().await;
}

#[tokio::test]
async fn nothing_outside_the_home_can_be_written_and_little_be_read() {
    if !has_landlock() {
        return;
    }
    let bench = Bench::new();
    let outside = tempfile::TempDir::new().unwrap();
    fs::write(outside.path().join("theirs"), "secret").unwrap();
    let theirs = outside.path().display();
    let command = format!(
        "cat {theirs}/theirs && echo 1; echo x > {theirs}/new && echo 2; ls {theirs} && echo 3; rm {theirs}/theirs && \
         echo 4; echo x > /etc/x && echo 5; mv {theirs}/theirs . && echo 6; ln {theirs}/theirs hard && echo 7; \
         ln -s {theirs}/theirs soft && cat soft && echo 8; echo x > /dev/shm/x-$$ && echo 9; ls $HOME/../.. && echo 10; true"
    );
    let end = bench.run(bench.spec("burglar", &format!("({command}) 2>/dev/null"))).await;
    assert!(end.passed(), "{end:?}");
    assert_eq!(end.tail, "");
    assert_eq!(fs::read_to_string(outside.path().join("theirs")).unwrap(), "secret");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn what_tests_need_is_there() {
    let bench = Bench::new();
    // System programs, name service, time zones, devices, process substitution, its own /proc, sockets on the loopback.
    let command = "set -e; cat /etc/hosts /proc/self/status /proc/cpuinfo >/dev/null; head -c 9 /dev/urandom >/dev/null; \
                   echo x > /dev/null; echo x > $TMPDIR/a; mkdir $HOME/d; mv $TMPDIR/a $HOME/d/b; ln -s d $HOME/l; \
                   mkfifo p; echo x > p & cat < p; echo y > /dev/stdout; sh -c 'kill -0 $PPID'; umask; ulimit -c";
    let end = bench.run(bench.spec("needs", command)).await;
    assert_eq!((end.exit_code, end.tail.as_str()), (Some(0), "x\ny\n0022\n0\n"));
}

#[tokio::test]
async fn what_the_operator_opens_is_open() {
    let outside = tempfile::TempDir::new().unwrap();
    let (read, write) = (outside.path().join("read"), outside.path().join("write"));
    for directory in [&read, &write] {
        fs::create_dir(directory).unwrap();
        fs::write(directory.join("a"), "in it\n").unwrap();
    }
    let command = format!("cat {0}/a; echo x > {0}/b; cat {1}/a; echo y > {1}/b", read.display(), write.display());
    let bench =
        Bench::of(Settings { read: vec![read.clone()], write: vec![write.clone()], ..settings() }, Memory::default());
    let end = bench.run(bench.spec("guest", &command)).await;
    assert_eq!(end.tail.matches("in it").count(), 2, "{end:?}");
    assert_eq!(fs::read_to_string(write.join("b")).unwrap(), "y\n");
    assert!(!has_landlock() || !read.join("b").exists());
}

#[tokio::test]
async fn a_path_that_the_pipelines_author_sets_opens_nothing() {
    if !has_landlock() {
        return;
    }
    let outside = tempfile::TempDir::new().unwrap();
    fs::write(outside.path().join("theirs"), "secret").unwrap();
    let bench = Bench::new();
    let mut spec = bench.spec("sly", &format!("/bin/cat {}/theirs", outside.path().display()));
    spec.environment.push(("PATH".to_owned(), outside.path().display().to_string()));
    let end = bench.run(spec).await;
    assert!(!end.passed() && !end.tail.contains("secret"), "{end:?}");
}

#[tokio::test]
async fn a_library_that_the_pipelines_author_names_is_loaded_only_where_it_is_confined() {
    let bench = Bench::new();
    let mut spec = bench.spec("preloaded", "true");
    // The loader complains in whatever program it is to load it into.
    spec.environment.push(("LD_PRELOAD".to_owned(), "/nowhere.so".to_owned()));
    let end = bench.run(spec).await;
    let complaints: Vec<&str> = end.tail.lines().filter(|line| line.contains("/nowhere.so")).collect();
    assert_eq!(complaints.len(), 1, "the shell's alone: {}", end.tail);
}

#[tokio::test]
async fn its_supervisor_and_the_worker_cannot_be_signalled() {
    if !has_signal_scope() {
        return;
    }
    let bench = Bench::new();
    let worker = std::process::id();
    let command = format!(
        "supervisor=$(cut -d' ' -f4 /proc/$$/stat); for of in {worker} $supervisor; do kill -9 $of && echo killed $of; \
         kill -STOP $of && echo stopped $of; done 2>/dev/null; true"
    );
    let end = bench.run(bench.spec("patricide", &command)).await;
    assert!(end.passed(), "{end:?}");
    assert_eq!(end.tail, "");
}

#[tokio::test]
async fn one_run_cannot_touch_another() {
    if !has_signal_scope() {
        return;
    }
    let bench = Bench::new();
    let mut victim = bench.spec("victim", "echo secret > $HOME/theirs; echo $$; sleep 60");
    victim.environment.push(("KEY".to_owned(), "hunter22".to_owned()));
    let home = victim.home.path().display().to_string();
    let victim = bench.start(victim).await;
    let number = bench.number_printed_by(&victim).await;
    let command = format!(
        "(cat /proc/{number}/environ && echo 1; cat {home}/home-*/theirs && echo 2; kill -9 {number} && echo 3; \
         rm -rf {home}/work && echo 4; cat {home}/view.json && echo 5) 2>/dev/null; true"
    );
    let end = bench.run(bench.spec("neighbour", &command)).await;
    assert_eq!(end.tail, "");
    assert!(crate::is_alive(number));
    bench.runner.stop_all().await;
}

/// As on a kernel that lets a command signal its supervisor.
#[tokio::test]
async fn what_a_run_leaves_whose_supervisor_was_killed_is_ended_by_the_worker() {
    bluestage::runner::shield().unwrap();
    let bench = Bench::new();
    let command = "cut -d' ' -f4 /proc/$$/stat; echo; setsid sh -c 'echo $$ > daemon; exec sleep 60' & \
                   sleep 60 & while [ ! -s daemon ]; do sleep 0.01; done; cat daemon; wait";
    let spec = bench.spec("orphans", command);
    let home = spec.home.path().display().to_string();
    let run = bench.start(spec).await;
    let daemon = loop {
        let number = bench.number_printed_by(&run).await;
        if fs::read_to_string(format!("{home}/work/daemon")).is_ok_and(|text| text.trim() == number.to_string()) {
            break number;
        }
    };
    let shell = parent_of(daemon);
    let supervisor =
        if shell == std::process::id() { panic!("it has no supervisor") } else { session_root(daemon, shell) };
    let killed = Command::new("kill").args(["-KILL", &supervisor.to_string()]).status();
    assert!(killed.unwrap().success());
    let end = bench.end_of(&run).await;
    assert_eq!(end.overrun, Some(Overrun::Unsupervised), "{end:?}");
    assert!(!end.passed());
    assert!(!crate::is_alive(daemon));
    assert!(processes_in(&home).is_empty());
    bench.is_clean();
}

fn parent_of(number: u32) -> u32 {
    let stat = fs::read_to_string(format!("/proc/{number}/stat")).unwrap();
    stat.rsplit(')').next().unwrap().split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// The supervisor above the process: the child of this test.
fn session_root(number: u32, parent: u32) -> u32 {
    let (mut below, mut above) = (number, parent);
    while above != std::process::id() {
        (below, above) = (above, parent_of(above));
    }
    below
}

#[tokio::test]
async fn a_port_that_a_command_binds_is_free_after_it() {
    let bench = Bench::new();
    let command = "python3 -c 'import socket, time; s = socket.create_server((\"127.0.0.1\", 0)); \
                   print(s.getsockname()[1], flush=True); time.sleep(60)'";
    let run = bench.start(bench.spec("server", command)).await;
    let port = u16::try_from(bench.number_printed_by(&run).await).unwrap();
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    bench.runner.stop(&run).await;
    assert_eq!(bench.memory.of(&run).pop().unwrap().status, RunStatus::Stopped);
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
}

/// The worker is killed; nobody is there any more who could tell the supervisor anything.
#[test]
fn a_run_ends_with_its_worker_however_that_ends() {
    let home = tempfile::TempDir::new().unwrap();
    let order = serde_json::json!({
        "command": "setsid sh -c 'echo $$; exec sleep 60' & echo $$; sleep 60",
        "work": home.path(), "home": home.path(), "environment": [["PATH", "/usr/bin:/bin"]], "read": [], "write": [],
        "limits": bluestage::runner::Limits::default(), "of_user": 100_000,
    });
    let (reader, writer) = std::io::pipe().unwrap();
    // Between them stands a shell, or the orphans of another test, which are ended here, would seem to include it.
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "\"$0\" run-supervisor; exit $?", env!("CARGO_BIN_EXE_bluestage")]);
    command.env_clear().stderr(writer);
    command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut supervisor = command.spawn().unwrap();
    drop(command);
    let mut orders = supervisor.stdin.take().unwrap();
    std::io::Write::write_all(&mut orders, format!("{order}\n").as_bytes()).unwrap();
    let lines = std::io::BufRead::lines(std::io::BufReader::new(reader));
    let numbers: Vec<u32> = lines.take(2).map(|line| line.unwrap().parse().unwrap()).collect();
    assert!(numbers.iter().all(|number| crate::is_alive(*number)));
    // What the kernel does with the pipes of a process that was killed.
    drop((orders, supervisor.stdout.take()));
    assert!(supervisor.wait().unwrap().success());
    assert!(!numbers.iter().any(|number| crate::is_alive(*number)));
}

/// A flood of output is bounded in `surroundings`; here it meets the end.
#[tokio::test]
async fn a_flood_of_output_does_not_hold_up_the_time_limit() {
    let mut pace = quick();
    pace.log_bytes = 1_000;
    let bench = Bench::with(pace, Memory::default());
    let mut spec = bench.spec("flood-for-ever", "trap '' TERM; yes");
    spec.time_limit = Duration::from_millis(500);
    let end = bench.run(spec).await;
    assert!(end.exceeded_seconds.is_some() && !end.passed());
    bench.is_clean();
}
