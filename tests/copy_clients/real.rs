//! Runs each client against the real server, and against the script that plays one.

use rustix::process::Signal;

use crate::client::Client;
use crate::language::{GO, Language, NODE, PHP, PYTHON, RUBY, SHELL, conformance, start};
use crate::process::{Server, Via};
use crate::wait::until;

const JOBS: u64 = 1_000;

/// Returns args, as JSON, of jobs that take no time. The shell starts no program to sleep, because `seconds` comes last.
fn args(jobs: u64) -> Vec<String> {
    (0..jobs).map(|n| format!(r#"{{"n":{n},"seconds":0}}"#)).collect()
}

/// Waits until this many jobs are done. Each deadline is for a hundred of them, so the total time does not matter.
fn until_done(asker: &mut Client, jobs: u64) {
    for step in (1..=jobs).filter(|step| step % 100 == 0 || *step == jobs) {
        until("jobs that are done", || (asker.metrics()["jobs_done"].as_u64().unwrap() >= step).then_some(()));
    }
}

/// Half-way through a thousand jobs the worker is killed, and another one comes.
fn survives_a_killed_worker(language: &Language) {
    let Some(client) = language.words() else { return };
    let server = Server::start(&[]);
    let url = format!("tcp://{}", server.tcp[0]);
    let mut asker = server.connect(Via::Tcp, "asker");
    let args = args(JOBS);
    let words = ["do", "nap"].into_iter().chain(args.iter().map(String::as_str));
    let submitter = start(&client, words, &url);
    asker.until_metric("jobs_added", JOBS);

    let killed = start(&client, ["work", "nap"], &url);
    until_done(&mut asker, JOBS / 4);
    killed.signal(Signal::KILL);
    let second = start(&client, ["work", "nap"], &url);
    until_done(&mut asker, JOBS);

    let ended = submitter.ended();
    assert!(ended.status.success(), "{}{}", ended.stderr, second.stderr());
    let results: Vec<String> = ended.stdout.lines().map(|line| line.replace(": ", ":").replace(", ", ",")).collect();
    assert_eq!(results, args);
    let metrics = asker.metrics();
    assert_eq!([&metrics["jobs_done"], &metrics["jobs_failed"]], [JOBS, 0], "{}", second.stderr());
}

/// The server is killed and comes back at its address, and so does the worker.
fn comes_back_to_its_server(language: &Language) {
    let Some(client) = language.words() else { return };
    let server = Server::start(&[]);
    let url = format!("unix:{}", server.sock.display());
    let worker = start(&client, ["work", "nap"], &url);
    let is_served = || {
        server.connect(Via::Unix, "asker").until_metric("workers", 1);
        let ended = start(&client, ["do", "nap", r#"{"seconds":0}"#], &url).ended();
        assert!(ended.status.success(), "{}{}", ended.stderr, worker.stderr());
    };
    is_served();
    server.kill();
    let _back = server.come_back();
    is_served();
}

/// The script finds nothing wrong.
fn conforms(language: &Language) {
    let Some(client) = language.words() else { return };
    let without: &[&str] = if language.lacks.is_empty() { &[] } else { &["--without", language.lacks] };
    let Some((conforms, said)) = conformance(&client, without) else { return };
    assert!(conforms, "{said}");
}

macro_rules! languages {
    ($($name:ident: $language:expr,)*) => {$(
        mod $name {
            use super::*;

            #[test]
            fn survives_a_killed_worker() {
                super::survives_a_killed_worker(&$language);
            }

            #[test]
            fn comes_back_to_its_server() {
                super::comes_back_to_its_server(&$language);
            }

            #[test]
            fn conforms() {
                super::conforms(&$language);
            }
        }
    )*};
}

languages! {
    python: PYTHON,
    node: NODE,
    go: GO,
    ruby: RUBY,
    php: PHP,
    shell: SHELL,
}
