//! Writes log lines to stderr: the time and `deputy: text` at level info, `deputy: warning: text` and so on at the
//! others; or one JSON object per line. Other programs that use this log have their own name and events.
//!
//! A thread that logs never waits. Lines go through a bounded channel to a thread that writes them; lines that find the
//! channel full are dropped and counted. No line contains anything that a peer sent.
//!
//! | file | what it does |
//! |---|---|
//! | `event` | the names, levels and members of all events |
//! | `line`, `timestamp` | makes a line of an event, as text or JSON |
//! | `fault_log`, `rate_limit` | logs faults of peers, at most one line per second and class |
//! | `report` | logs the metrics every few seconds (`-v`) |
//! | `panic` | ends the process after a panic, with a message |
//! | `stderr` | writes past std's lock |

pub(super) mod event;
pub(super) mod fault_log;
pub(super) mod line;
pub(super) mod panic;
pub(super) mod rate_limit;
pub(super) mod report;
mod stderr;
pub(super) mod timestamp;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use event::{Event, EventKind};
use line::{LogFormat, Member, Style, Value};
use rate_limit::{LeftOut, RateLimit, Unlogged};

use crate::limits;

/// The level of the log: lines of this level and of the levels before it are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// No lines.
    Off,
    /// Failures that keep the server from its work.
    Error,
    /// Conditions that need attention.
    Warn,
    /// Rare events: the server listens, the server stops.
    Info,
    /// Events of single connections and jobs.
    Debug,
}

impl Level {
    /// All levels, by name.
    pub const NAMES: [(&'static str, Level); 5] = [
        ("off", Level::Off),
        ("error", Level::Error),
        ("warn", Level::Warn),
        ("info", Level::Info),
        ("debug", Level::Debug),
    ];

    /// Returns the level with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, level)| *level)
    }

    /// Returns the level's name.
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize].0
    }

    /// Returns the prefix of a line of this level.
    fn prefix(self, program: &str) -> String {
        match self {
            Self::Off | Self::Info => format!("{program}: "),
            Self::Error => format!("{program}: error: "),
            Self::Warn => format!("{program}: warning: "),
            Self::Debug => format!("{program}: debug: "),
        }
    }
}

/// Accepts log lines. Cheap to clone; each thread has its own.
#[derive(Clone)]
pub struct Log {
    program: &'static str,
    level: Level,
    style: Style,
    entries: Sender<Entry>,
    dropped: Arc<AtomicU64>,
}

/// The thread that writes the lines. Without [`stop`](LogThread::stop) it runs until every [`Log`] is dropped.
pub struct LogThread {
    entries: Sender<Entry>,
    /// Carries nothing: it closes when the thread has ended.
    ended: Receiver<()>,
}

enum Entry {
    Line(String),
    /// A line that has passed a limit, with the counter of lines that the limit suppresses from now on.
    Limited(String, Arc<LeftOut>),
    End,
}

/// How long similar lines are suppressed after one was written ([`RateLimit`]).
const LINES_WINDOW: Duration = Duration::from_secs(1);

/// How long after a line the thread logs the number of suppressed lines, unless another line of this limit has come:
/// that line has the number itself.
const COUNT_LOGGED_AFTER: Duration = Duration::from_secs(2);

impl Log {
    /// Starts the thread that writes to stderr. `program` is the name at the beginning of each sentence.
    ///
    /// # Errors
    /// If the system has no threads left.
    pub fn start(program: &'static str, level: Level, format: LogFormat) -> io::Result<(Log, LogThread)> {
        Self::start_writing(program, level, Style::on_stderr(format), COUNT_LOGGED_AFTER, stderr::write)
    }

    fn start_writing(
        program: &'static str,
        level: Level,
        style: Style,
        count_logged_after: Duration,
        write: impl FnMut(&[u8]) + Send + 'static,
    ) -> io::Result<(Log, LogThread)> {
        let (entries, received) = bounded(limits::LOG_LINES_MAX);
        let (ending, ended) = bounded(0);
        let dropped = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&dropped);
        thread::Builder::new().name("log".to_owned()).spawn(move || {
            let unlogged = Unlogged::default();
            Writer { program, style, write, dropped: counter, count_logged_after, unlogged }.run(&received);
            drop::<Sender<()>>(ending);
        })?;
        Ok((Log { program, level, style, entries: entries.clone(), dropped }, LogThread { entries, ended }))
    }

    /// Logs an event at its usual level, with its sentence and its members.
    pub fn event(&self, event: impl Into<EventKind>, text: fmt::Arguments<'_>, members: &[Member<'_>]) {
        let event = event.into();
        self.event_at(event.levels[0], event, text, members);
    }

    /// Logs an event at one of its levels. A line below the level of this log is not even formatted.
    pub fn event_at(
        &self,
        level: Level,
        event: impl Into<EventKind>,
        text: fmt::Arguments<'_>,
        members: &[Member<'_>],
    ) {
        if self.is_on(level) {
            self.put(Entry::Line(self.style.line(&level.prefix(self.program), level, event.into(), text, members)));
        }
    }

    /// Logs an event whose line has passed a limit. The number of lines that the limit suppresses is logged later.
    pub(super) fn limited(&self, limit: &RateLimit, text: fmt::Arguments<'_>, members: &[Member<'_>]) {
        let left_out = limit.left_out();
        let (level, event) = (left_out.level, left_out.of);
        if self.is_on(level) {
            let line = self.style.line(&level.prefix(self.program), level, event.into(), text, members);
            self.put(Entry::Limited(line, Arc::clone(left_out)));
        }
    }

    /// Logs the metrics, a JSON object, at any level. In text the line is only the object.
    pub(super) fn metrics(&self, mut object: String) {
        if self.style == Style::Json {
            let members = [("metrics", Value::Json(&object))];
            object = self.style.line("", Level::Info, Event::Metrics.into(), format_args!("metrics"), &members);
        } else {
            object.push('\n');
        }
        self.put(Entry::Line(object));
    }

    fn put(&self, entry: Entry) {
        if self.entries.try_send(entry).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Returns whether lines of this level are logged.
    pub fn is_on(&self, level: Level) -> bool {
        level <= self.level
    }
}

impl LogThread {
    /// Ends the thread after it has written all earlier lines. Abandons it after [`limits::LOG_FLUSH_MS`], because a full
    /// stderr must not keep a process from ending.
    pub fn stop(self) {
        let deadline = Instant::now() + Duration::from_millis(limits::LOG_FLUSH_MS);
        if self.entries.send_deadline(Entry::End, deadline).is_ok() {
            // The thread has ended or the time is over; there is nothing left to do in either case.
            let _ = self.ended.recv_deadline(deadline);
        }
    }
}

/// The thread's work.
struct Writer<W> {
    program: &'static str,
    style: Style,
    write: W,
    dropped: Arc<AtomicU64>,
    count_logged_after: Duration,
    unlogged: Unlogged,
}

impl<W: FnMut(&[u8])> Writer<W> {
    /// Writes all lines, and the numbers of suppressed and dropped lines. Returns at the end, or when all logs are
    /// dropped.
    fn run(mut self, entries: &Receiver<Entry>) {
        loop {
            let entry = match self.unlogged.next() {
                Some(due) => entries.recv_deadline(due),
                None => entries.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match entry {
                Ok(Entry::Line(line)) => self.write(&line),
                Ok(Entry::Limited(line, left_out)) => {
                    self.write(&line);
                    self.unlogged.passed(left_out, Instant::now() + self.count_logged_after);
                }
                Ok(Entry::End) | Err(RecvTimeoutError::Disconnected) => return self.log_left_out(None),
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.log_left_out(Some(Instant::now()));
        }
    }

    fn write(&mut self, line: &str) {
        (self.write)(line.as_bytes());
        let count = self.dropped.swap(0, Ordering::Relaxed);
        if count > 0 {
            let text = format_args!("dropped log lines because stderr was too slow: {count}");
            let members = [("lines", Value::Number(count))];
            let prefix = Level::Warn.prefix(self.program);
            let line = self.style.line(&prefix, Level::Warn, Event::LinesDropped.into(), text, &members);
            (self.write)(line.as_bytes());
        }
    }

    /// Logs the numbers of suppressed lines that are due at `now`; `None`: all.
    fn log_left_out(&mut self, now: Option<Instant>) {
        for line in self.unlogged.lines(now, self.program, self.style) {
            (self.write)(line.as_bytes());
        }
    }
}

#[cfg(test)]
impl Log {
    /// Returns a log whose lines arrive in the receiver, without the time.
    pub(super) fn to_channel(level: Level) -> (Log, LogThread, Receiver<String>) {
        Self::to_channel_in(level, Style::Plain)
    }

    fn to_channel_in(level: Level, style: Style) -> (Log, LogThread, Receiver<String>) {
        let (lines, written) = crossbeam_channel::unbounded();
        let write = move |line: &[u8]| lines.send(String::from_utf8(line.to_vec()).unwrap()).unwrap();
        let (log, thread) = Self::start_writing("deputy", level, style, COUNT_LOGGED_AFTER, write).unwrap();
        (log, thread, written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_level_has_those_before_it_and_its_own_form() {
        let all = ["deputy: error: e\n", "deputy: warning: w\n", "deputy: i\n", "deputy: debug: d\n"];
        for (index, (name, level)) in Level::NAMES.into_iter().enumerate() {
            assert_eq!((Level::from_name(name), level.name()), (Some(level), name));
            let (log, thread, written) = Log::to_channel(level);
            log.event(Event::ShardLost, format_args!("e"), &[]);
            log.event(Event::Exposed, format_args!("w"), &[]);
            log.event(Event::Stopping, format_args!("i"), &[]);
            log.event(Event::JobRevoked, format_args!("d"), &[]);
            thread.stop();
            assert_eq!(written.iter().collect::<Vec<_>>(), all[..index]);
        }
        assert_eq!(Level::from_name("Info"), None);
    }

    #[test]
    fn a_line_that_is_off_is_not_even_formatted() {
        struct Untouchable;
        impl fmt::Display for Untouchable {
            fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
                panic!("formatted");
            }
        }
        let (log, thread, _written) = Log::to_channel(Level::Error);
        log.event(Event::JobRevoked, format_args!("{Untouchable}"), &[("job", Value::Text(&Untouchable))]);
        thread.stop();
    }

    #[test]
    fn the_metrics_are_written_at_every_level_and_are_an_object_in_every_style() {
        for style in [Style::Plain, Style::Stamped, Style::Json] {
            let (log, thread, written) = Log::to_channel_in(Level::Off, style);
            log.metrics(r#"{"n":1}"#.to_owned());
            thread.stop();
            let line = written.iter().collect::<String>();
            let object: serde_json::Value = serde_json::from_str(&line).unwrap();
            let metrics = if style == Style::Json { &object["metrics"] } else { &object };
            assert_eq!((&metrics["n"], line.lines().count()), (&1.into(), 1), "{line}");
        }
    }

    #[test]
    fn lines_that_were_left_out_last_are_counted_after_a_time_and_at_the_end() {
        for count_logged_after in [Duration::ZERO, Duration::from_secs(3_600)] {
            let (lines, written) = crossbeam_channel::unbounded();
            let write = move |line: &[u8]| lines.send(String::from_utf8(line.to_vec()).unwrap()).unwrap();
            let (log, thread) =
                Log::start_writing("deputy", Level::Info, Style::Plain, count_logged_after, write).unwrap();
            let mut limit = RateLimit::new(Level::Warn, Event::AcceptFailed, None, "a");
            let now = Instant::now();
            let passed = [0, 1, 2].map(|_| limit.pass(now).is_some());
            assert_eq!(passed, [true, false, false]);
            log.limited(&limit, format_args!("a"), &[]);
            let next = || written.recv_timeout(Duration::from_secs(60)).unwrap();
            assert_eq!(next(), "deputy: warning: a\n");
            let text = "deputy: warning: left out 2 more like this: a\n";
            if count_logged_after.is_zero() {
                assert_eq!(next(), text, "while the log goes on");
                thread.stop();
            } else {
                thread.stop();
                assert_eq!(next(), text);
            }
            assert_eq!(written.iter().count(), 0);
        }
    }

    #[test]
    fn a_stuck_writer_holds_up_nobody_and_what_was_lost_is_logged() {
        let (open_gate, gate) = bounded::<()>(0);
        let (lines, written) = crossbeam_channel::unbounded();
        let write = move |line: &[u8]| {
            gate.recv().ok(); // Stuck until the test opens the gate.
            lines.send(String::from_utf8(line.to_vec()).unwrap()).unwrap();
        };
        let (log, thread) = Log::start_writing("deputy", Level::Info, Style::Plain, COUNT_LOGGED_AFTER, write).unwrap();
        for _ in 0..limits::LOG_LINES_MAX + 10 {
            log.event(Event::Stopping, format_args!("x"), &[]);
        }
        let before = Instant::now();
        thread.stop();
        assert!(before.elapsed() >= Duration::from_millis(limits::LOG_FLUSH_MS), "it waits for the thread");

        drop(open_gate);
        drop(log);
        let written: Vec<String> = written.iter().collect();
        let report = written.iter().find_map(|line| line.strip_prefix("deputy: warning: dropped log lines"));
        let lost: usize = report.unwrap().rsplit(' ').next().unwrap().trim().parse().unwrap();
        assert!((9..=10).contains(&lost), "the writer has one line, the channel is full, {lost} are lost");
        assert_eq!(written.len() - 1 + lost, limits::LOG_LINES_MAX + 10);
    }
}
