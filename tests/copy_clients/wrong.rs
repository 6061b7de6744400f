//! Clients that are wrong on purpose: each is deputy.py with one mistake, and the script finds it at its point.

use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::thread;

use tempfile::TempDir;

use crate::language::{PYTHON, conformance, folder};
use crate::{files, programs};

/// A mistake: the point that finds it, and what is put for what.
type Mistake = (&'static str, &'static [(&'static str, &'static str)]);

const MISTAKES: &[Mistake] = &[
    ("result", &[(r#"line.get("res")"#, r#"line.get("result")"#)]),
    ("empty-result", &[(r#"line.get("res")"#, r#"(line.get("res") or "nothing")"#)]),
    ("empty-error", &[(r#"future and "code" in line"#, r#"future and line.get("err")"#)]),
    ("codes", &[(r#"JobError(line["code"]"#, r#"JobError("failed""#)]),
    ("unix-socket", &[(r#"startswith("unix:")"#, r#"startswith("sock:")"#)]),
    ("unix-worker", &[(r#"startswith("unix:")"#, r#"startswith("sock:")"#)]),
    ("jobs-in-pieces", &[("file.readline(LINE_MAX + 1024)", "server.recv(1 << 16)")]),
    ("pieces", &[("file.readline(LINE_MAX + 1024)", "server.recv(1 << 16)")]),
    ("in-flight", &[(r#"pop(line["id"], None)"#, "pop(min(self.waiting), None)")]),
    ("in-flight", &[("        return future", "        return concurrent.futures.wait([future]) and future")]),
    ("unknown-lines", &[(r#"pop(line["id"], None)"#, r#"pop(line["id"])"#)]),
    ("unknown-members", &[(r#"if line.get("cmd") == "did""#, r#"if list(line.values())[0] == "did""#)]),
    ("unknown-members-of-jobs", &[(r#"if job.get("cmd") == "do""#, r#"if list(job.values())[0] == "do""#)]),
    ("unknown-to-workers", &[(r#"if job.get("cmd") == "do""#, r#"if job.get("cmd") != "pong""#)]),
    ("text", &[("json.loads(line)", r#"json.loads(line.decode("latin-1"))"#)]),
    ("text", &[("json.dumps(line, allow_nan=False)", r#"json.dumps(line, allow_nan=False).replace("\\", "")"#)]),
    ("large", &[("LINE_MAX = 16 << 20", "LINE_MAX = 1 << 16")]),
    ("lost", &[("for future in lost.values()", "for future in ()")]),
    ("reset", &[("suppress(OSError, ValueError)", "suppress(ValueError)")]),
    ("no-server", &[(r#"sys.exit(f"deputy: {error}")"#, "sys.exit(0)")]),
    ("endless-line", &[("readline(LINE_MAX + 1024)", "readline()")]),
    ("endless-job", &[("readline(LINE_MAX + 1024)", "readline()")]),
    ("no-delay", &[(r#""TCP_NODELAY": 1, "#, "")]),
    ("keepalive", &[("socket.SO_KEEPALIVE, 1", "socket.SO_KEEPALIVE, 0")]),
    ("keepalive", &[(r#""TCP_KEEPIDLE": 30, "#, "")]),
    ("numbers", &[(", max_jobs=1", "")]),
    ("numbers", &[(r#"job=job["job"]"#, r#"id=job["id"]"#)]),
    ("failing-work", &[("err=f", "res=f")]),
    ("comes-back", &[("    while True:", "    while attempt == 0:")]),
    ("comes-back", &[("types=list(handlers)", "types=list(handlers) if attempt == 1 else []")]),
    (
        "late-result",
        &[
            ("    attempt = 0\n", "    attempt, late = 0, b\"\"\n"),
            (r#"encode(cmd="ping"))"#, r#"encode(cmd="ping") + late)"#),
            ("server.sendall(answer)", "late = answer; server.sendall(answer)"),
        ],
    ),
    ("backs-off", &[("if attempt > 1:", "if False:")]),
];

#[test]
fn a_mistake_is_made_at_each_point_that_takes_no_long_time() {
    let points = files::points().into_iter().filter(|point| point != "connect-time-out");
    let missing: Vec<String> = points.filter(|point| MISTAKES.iter().all(|(made, _)| made != point)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn each_mistake_is_found_at_its_point() {
    if PYTHON.words().is_none() {
        return;
    }
    let folder = TempDir::new().unwrap();
    let next = Mutex::new(MISTAKES.iter().enumerate());
    let next = || next.lock().unwrap().next();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some((number, mistake)) = next() {
                    is_found(mistake, &folder.path().join(format!("{number}.py")));
                }
            });
        }
    });
}

fn is_found((point, changes): &Mistake, file: &Path) {
    let mut text = fs::read_to_string(folder().join(PYTHON.file)).unwrap();
    for (right, wrong) in *changes {
        assert!(text.contains(right), "{point}: {right} is not in {}", PYTHON.file);
        text = text.replace(right, wrong);
    }
    fs::write(file, text).unwrap();
    let mut client = PYTHON.words().unwrap();
    file.clone_into(&mut client[1]);
    // It is wrong, whatever time it is given. Some are so by waiting for ever.
    let (conforms, said) = conformance(&client, &["--only", point, "--patience", "1"]).unwrap();
    if said.starts_with("unseen") {
        return programs::pass_over(&said);
    }
    let found = !conforms && said.starts_with(&format!("FAILED  {point}: "));
    assert!(found, "{changes:?} was not found: {said}");
}
