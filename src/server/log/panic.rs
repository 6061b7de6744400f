//! Ends the process when any of its threads panics.
//!
//! A server that continued without one of its shards would lose that shard's jobs silently. The binary installs the hook.
//! A program that runs a server inside may prefer a hook of its own.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{self, PanicHookInfo};
use std::process;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::event::Event;
use super::line::{LogFormat, Style, Value};
use super::{Level, stderr};
use crate::limits;

/// Installs a panic hook that writes one line to stderr and aborts the process, even if stderr accepts nothing. If
/// `RUST_BACKTRACE` asks for a backtrace, it follows the line, or is a member of the object.
pub fn abort_on_panic(format: LogFormat) {
    let style = Style::on_stderr(format);
    panic::set_hook(Box::new(move |info| {
        write_briefly(describe(info, style));
        process::abort();
    }));
}

/// Returns `deputy: panic in thread "shard-0" at src/x.rs:1:2: message`.
fn describe(info: &PanicHookInfo<'_>, style: Style) -> String {
    let payload = info.payload();
    let message =
        payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let message = message.unwrap_or("no message");
    let name = thread::current().name().unwrap_or("without a name").to_owned();
    let location = info.location().map_or_else(|| "an unknown location".to_owned(), ToString::to_string);
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then_some(backtrace);
    let members = [
        ("thread", Value::Text(&name)),
        ("place", Value::Text(&location)),
        ("message", Value::Text(&message)),
        ("backtrace", backtrace.as_ref().map_or(Value::Absent, |backtrace| Value::Text(backtrace))),
    ];
    let text = format_args!("panic in thread {name:?} at {location}: {message}");
    let mut line = style.line("deputy: ", Level::Error, Event::Panic.into(), text, &members);
    if let Some(backtrace) = backtrace.filter(|_| style != Style::Json) {
        line.push_str(&backtrace.to_string());
    }
    line
}

/// Writes in a thread of its own, and abandons that thread if stderr is stuck.
fn write_briefly(text: String) {
    let (done, wait) = mpsc::channel::<()>();
    let writer = thread::Builder::new().spawn(move || {
        stderr::write(text.as_bytes());
        drop(done);
    });
    if writer.is_ok() {
        // The process ends whether the text was written or stderr is stuck.
        let _ = wait.recv_timeout(Duration::from_millis(limits::LOG_FLUSH_MS));
    }
}

#[cfg(test)]
mod tests {
    use std::env;
    use std::io::Write;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;
    use std::process::{Command, Stdio};
    use std::time::Instant;

    use super::*;

    /// A variable that is set if the test below logs in JSON.
    const IN_JSON: &str = "DEPUTY_TEST_PANICS_IN_JSON";

    /// Ends its process, so the test below runs it in a process of its own.
    #[test]
    #[ignore = "run by f63_a_panic_in_any_thread_ends_the_process_and_says_where"]
    fn f63_alone_in_its_process() {
        let format = if env::var_os(IN_JSON).is_some() { LogFormat::Json } else { LogFormat::Text };
        abort_on_panic(format);
        let panicking = thread::Builder::new().name("shard-7".to_owned()).spawn(|| panic!("lost {}", "count"));
        let _ = panicking.unwrap().join();
    }

    /// Returns a command that runs the test above.
    fn panicking() -> Command {
        let mut own = Command::new(env::current_exe().unwrap());
        own.args(["--exact", "server::log::panic::tests::f63_alone_in_its_process", "--ignored", "--nocapture"]);
        own.stdout(Stdio::null());
        own
    }

    #[test]
    fn f63_a_panic_in_any_thread_ends_the_process_and_says_where() {
        let output = panicking().output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), None, "ended by its own signal: {text}");
        assert!(text.contains("deputy: panic in thread \"shard-7\" at src/server/log/panic.rs:"), "{text}");
        assert!(text.contains(": lost count\n"), "{text}");
    }

    #[test]
    fn f63_in_json_a_panic_is_one_line_too_and_has_the_backtrace() {
        let output = panicking().env(IN_JSON, "1").env("RUST_BACKTRACE", "1").output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        let object: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let fixed = ["level", "event", "thread", "message"].map(|member| &object[member]);
        assert_eq!(fixed, ["error", "panic", "shard-7", "lost count"]);
        assert!(object["place"].as_str().unwrap().starts_with("src/server/log/panic.rs:"), "{object}");
        assert!(object["text"].as_str().unwrap().ends_with(": lost count"), "{object}");
        assert!(object["backtrace"].as_str().unwrap().contains('\n'), "{object}");
    }

    #[test]
    fn f63_a_stderr_that_nobody_reads_does_not_keep_the_process_alive() {
        let (mut full, _unread) = UnixStream::pair().unwrap();
        full.set_nonblocking(true).unwrap();
        while full.write(&[b'x'; 4_096]).is_ok() {}
        full.set_nonblocking(false).unwrap();
        let mut child = panicking().stderr(OwnedFd::from(full)).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        let status = loop {
            match child.try_wait().unwrap() {
                Some(status) => break Some(status),
                None if Instant::now() > deadline => break None,
                None => thread::sleep(Duration::from_millis(5)),
            }
        };
        child.kill().unwrap();
        assert_eq!(status.expect("the process ends in time").code(), None);
    }
}
