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

/// Floats that cannot be decoded, as if Python had none of this size, and what goes wrong with them.
const UNDECODABLE: &[(&str, &str)] = &[
    ("json.loads(text)", "json.loads(text, parse_float=int)"),
    ("except (ValueError, RecursionError) as why", "except RecursionError as why"),
];

const MISTAKES: &[Mistake] = &[
    ("result", &[(r#"did.get("res")"#, r#"did.get("result")"#)]),
    ("empty-result", &[(r#"did.get("res")"#, r#"did.get("res") or "nothing""#)]),
    ("empty-error", &[(r#"if "code" in did"#, r#"if did.get("err")"#)]),
    ("codes", &[(r#"JobError(did["code"],"#, r#"JobError("failed","#)]),
    ("unix-socket", &[(r#"r"unix:"#, r#"r"sock:"#)]),
    ("unix-worker", &[(r#"r"unix:"#, r#"r"sock:"#)]),
    ("unix-forms", &[("unix:(?://(?=/))?", "unix:")]),
    ("server-forms", &[(r#"/?", re.DOTALL"#, r#"", re.DOTALL"#)]),
    ("server-forms", &[(r#".strip(" \t\r\n")"#, "")]),
    ("no-url", &[("< 65536", "< 65537")]),
    ("no-url", &[(r#"socket.inet_pton(socket.AF_INET6, match[4] or "::")"#, "match")]),
    ("jobs-in-pieces", &[("self.file.readline(self.line_max + 1024)", "self.socket.recv(1 << 16)")]),
    ("pieces", &[("self.file.readline(self.line_max + 1024)", "self.socket.recv(1 << 16)")]),
    ("in-flight", &[(r#"waiting.pop(did["id"])"#, "waiting.pop(min(waiting))")]),
    ("stored", &[(r#"waiting[did["id"]][2]()"#, r#"waiting.pop(did["id"])[2]()"#)]),
    ("stored", &[(r#"elif did["cmd"] == "stored""#, r#"elif did["cmd"] == "durable""#)]),
    ("work-members", &[("max_jobs=1, **members)", "max_jobs=1)")]),
    ("work-members", &[(r#"line.get("ref")"#, r#"line.get("reference")"#)]),
    ("in-flight", &[("        return future", "        return concurrent.futures.wait([future]) and future")]),
    ("unknown-lines", &[("contextlib.suppress(BaseException)", "contextlib.suppress()")]),
    ("unknown-members", &[(r#"did["cmd"] == "did""#, r#"list(did.values())[0] == "did""#)]),
    ("unknown-members-of-jobs", &[(r#"line.get("cmd") == "do""#, r#"list(line.values())[0] == "do""#)]),
    ("unknown-to-workers", &[(r#"line.get("cmd") == "do""#, r#"line.get("cmd") != "pong""#)]),
    ("text", &[("json.loads(text)", r#"json.loads(text.decode("latin-1"))"#)]),
    ("text", &[(r#"separators=(",", ":"))"#, r#"separators=(",", ":")).replace("\\", "")"#)]),
    ("large", &[("16 << 20", "1 << 16")]),
    ("members", &[("arg=arg, **members)", "arg=arg)")]),
    ("members", &[("        if progress: members", "        members")]),
    ("cancel", &[(r#"cmd="cancel", id=future.id"#, r#"cmd="cancel", id=0"#)]),
    ("cancel", &[("client.cancel(future)", "client.cancel(future), future.cancel()")]),
    ("progress", &[(r#"did["cmd"] == "progress""#, r#"did["cmd"] == "did""#)]),
    ("progress", &[(r#"elif did["cmd"] == "did" and"#, r#"if "did" and"#)]),
    ("odd-progress", UNDECODABLE),
    ("odd-progress", &[("(did|do|progress)", "(did|do)")]),
    ("reports-progress", &[(r#"cmd="progress", job=self.number"#, r#"cmd="progress", id=self.number"#)]),
    ("attempt", &[(r#"line.get("attempt", 1)"#, "1")]),
    ("cancelled-job", &[("Job(server, job))", "(it := Job(server, job)))\n        if it.over: return")]),
    ("cancelled-work", &[(" and not job.cancelled()", "")]),
    ("cancelled-work", &[("self.server.file.peek(1) or ", "")]),
    ("odd-results", UNDECODABLE),
    ("odd-args", UNDECODABLE),
    ("odd-args", &[("allow_nan=False", "allow_nan=True")]),
    ("refused-args", &[("len(text) > self.line_max", "False")]),
    ("refused-args", &[("if brackets or", "if")]),
    ("refused-args", &[(r#"get("max_line", 16 << 20)"#, r#"get("line_max", 16 << 20)"#)]),
    ("refused-results", &[("len(text) > self.line_max", "False")]),
    ("refused-results", &[("if brackets or", "if")]),
    ("lost", &[("for id in [*server.waiting]", "for id in ()")]),
    ("reset", &[("contextlib.suppress(Exception)", "contextlib.suppress(ValueError)")]),
    ("no-server", &[("    (what, kind", "    sys.excepthook = lambda *_: os._exit(0)\n    (what, kind")]),
    ("endless-line", &[("readline(self.line_max + 1024)", "readline()")]),
    ("endless-job", &[("readline(self.line_max + 1024)", "readline()")]),
    ("no-delay", &[(r#""TCP_NODELAY": 1, "#, "")]),
    ("keepalive", &[("socket.SO_KEEPALIVE, 1", "socket.SO_KEEPALIVE, 0")]),
    ("keepalive", &[(r#""TCP_KEEPIDLE": 30, "#, "")]),
    ("numbers", &[(", max_jobs=1", "")]),
    ("numbers", &[(r#"job=job["job"]"#, r#"id=job["id"]"#)]),
    ("failing-work", &[("err=err[", "res=err[")]),
    ("comes-back", &[("    while True:", "    for _ in range(1):")]),
    ("comes-back", &[("types=list(handlers)", "types=[handlers.popitem()[0]] if handlers else []")]),
    (
        "late-result",
        &[
            (" and not job.cancelled()", ""), // Which raises when the connection is lost, so that there is no result.
            ("def settle(", "LATE = []\ndef settle("),
            (
                "**members)\n                for",
                "**members)\n                [server.send(**late) for late in LATE]\n                for",
            ),
            ("        return server.send(cmd=", "        LATE.append(dict(cmd="),
            ("res=res) if os.getpid() == pid else sys.exit()", "res=res))\n        return server.send(**LATE[-1])"),
        ],
    ),
    ("backs-off", &[("if attempt > 1 else 0", "if False else 0")]),
];

#[test]
fn a_mistake_is_made_at_each_point_that_is_not_slow() {
    let points =
        files::points().into_iter().filter(|point| !["connect-time-out", "silent-server"].contains(&point.as_str()));
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
    // A second is enough: the mistake shows at once, or the client waits for ever.
    let (conforms, printed) = conformance(&client, &["--only", point, "--patience", "1"]).unwrap();
    if printed.starts_with("unseen") {
        return programs::pass_over(&printed);
    }
    let found = !conforms && printed.starts_with(&format!("FAILED  {point}: "));
    assert!(found, "{changes:?} was not found: {printed}");
}
