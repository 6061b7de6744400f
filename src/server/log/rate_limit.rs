//! Limits the rate of log lines that could come thousands of times per second.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::event::{Event, EventKind};
use super::line::{Style, Value};
use super::{LINES_WINDOW, Level};

/// Passes one line per [`LINES_WINDOW`] and counts the lines that it suppresses. The next line that passes has the
/// number. If none passes any more, the thread of the log logs it ([`Unlogged`]).
pub(in crate::server) struct RateLimit {
    last: Option<Instant>,
    left_out: Arc<LeftOut>,
}

/// The lines that a limit has suppressed since one has passed, shared with the thread of the log.
pub(in crate::server) struct LeftOut {
    lines: AtomicU64,
    /// The level of the lines.
    pub(super) level: Level,
    /// Their event.
    pub(super) of: Event,
    /// The class of the lines, if the event has classes.
    class: Option<&'static str>,
    /// The text of the lines.
    text: &'static str,
}

/// How many lines were suppressed before this one. It is appended to the line: nothing, or
/// ` (12 more like this before)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) struct Suppressed(pub(in crate::server) u64);

impl fmt::Display for Suppressed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            suppressed => write!(f, " ({suppressed} more like this before)"),
        }
    }
}

impl RateLimit {
    /// Limits lines of this event, of one class if it has classes, that say `text` at this level.
    pub(in crate::server) fn new(level: Level, of: Event, class: Option<&'static str>, text: &'static str) -> Self {
        Self { last: None, left_out: Arc::new(LeftOut { lines: AtomicU64::new(0), level, of, class, text }) }
    }

    /// Returns `None` if the line must be suppressed. Otherwise returns how many were suppressed since the last one.
    pub(in crate::server) fn pass(&mut self, now: Instant) -> Option<Suppressed> {
        if self.last.is_some_and(|last| now.saturating_duration_since(last) < LINES_WINDOW) {
            self.left_out.lines.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        self.last = Some(now);
        Some(Suppressed(self.left_out.take()))
    }

    /// Returns the counter that goes with a line that passes.
    pub(super) fn left_out(&self) -> &Arc<LeftOut> {
        &self.left_out
    }
}

impl LeftOut {
    fn take(&self) -> u64 {
        self.lines.swap(0, Ordering::Relaxed)
    }

    /// Returns the line with the number of suppressed lines; `None` if there are none.
    fn line(&self, program: &str, style: Style) -> Option<String> {
        let lines = self.take();
        let members = [
            ("of", Value::Text(&EventKind::from(self.of).name)),
            ("class", self.class.as_ref().map_or(Value::Absent, |class| Value::Text(class))),
            ("suppressed", Value::Number(lines)),
        ];
        let text = format_args!("left out {lines} more like this: {}", self.text);
        let prefix = self.level.prefix(program);
        (lines > 0).then(|| style.line(&prefix, self.level, Event::LinesSuppressed.into(), text, &members))
    }
}

/// The limits whose number of suppressed lines is not logged yet, each with the time at which it is due, unless another
/// line passes before. For the thread of the log.
#[derive(Default)]
pub(super) struct Unlogged(Vec<(Instant, Arc<LeftOut>)>);

impl Unlogged {
    /// Called when a line of a limit was written.
    pub(super) fn passed(&mut self, left_out: Arc<LeftOut>, log_at: Instant) {
        match self.0.iter_mut().find(|(_, known)| Arc::ptr_eq(known, &left_out)) {
            Some((at, _)) => *at = log_at,
            None => self.0.push((log_at, left_out)),
        }
    }

    /// Returns the first time at which a line may be due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.0.iter().map(|(at, _)| *at).min()
    }

    /// Returns the lines that are due at `now`; `None`: all.
    pub(super) fn lines(&mut self, now: Option<Instant>, program: &str, style: Style) -> Vec<String> {
        let due = self.0.extract_if(.., |(at, _)| now.is_none_or(|now| *at <= now));
        due.filter_map(|(_, left_out)| left_out.line(program, style)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn limit() -> RateLimit {
        RateLimit::new(Level::Warn, Event::PeerFault, Some("silent"), "connection lost")
    }

    #[test]
    fn one_line_a_second_says_how_many_were_not() {
        let mut rate_limit = limit();
        let start = Instant::now();
        let mut at = |ms| rate_limit.pass(start + Duration::from_millis(ms)).map(|suppressed| suppressed.to_string());
        assert_eq!(at(0).as_deref(), Some(""));
        assert_eq!([at(1), at(500), at(999)], [None, None, None]);
        assert_eq!(at(1_000).as_deref(), Some(" (3 more like this before)"));
        assert_eq!(at(1_999), None);
        assert_eq!(at(9_000).as_deref(), Some(" (1 more like this before)"));
        assert_eq!(at(10_000).as_deref(), Some(""));
    }

    #[test]
    fn what_was_left_out_last_is_logged_once_when_no_line_has_passed_since() {
        let (start, mut limits, mut unlogged) = (Instant::now(), [limit(), limit()], Unlogged::default());
        let at = |ms| start + Duration::from_millis(ms);
        assert_eq!(unlogged.next(), None);
        for (limit, ms) in limits.iter_mut().zip([0, 10]) {
            assert!(limit.pass(at(ms)).is_some() && limit.pass(at(ms + 1)).is_none());
            unlogged.passed(Arc::clone(limit.left_out()), at(ms + 100));
        }
        assert_eq!(
            (unlogged.next(), unlogged.lines(Some(at(99)), "deputy", Style::Plain)),
            (Some(at(100)), Vec::new())
        );
        // Another line of the first has passed, and has logged it.
        assert_eq!(limits[0].pass(at(2_000)), Some(Suppressed(1)));
        unlogged.passed(Arc::clone(limits[0].left_out()), at(2_100));
        let text = "deputy: warning: left out 1 more like this: connection lost\n";
        assert_eq!(
            (unlogged.next(), unlogged.lines(Some(at(110)), "deputy", Style::Plain)),
            (Some(at(110)), vec![text.to_owned()])
        );
        assert_eq!(
            (unlogged.next(), unlogged.lines(Some(at(2_100)), "deputy", Style::Plain)),
            (Some(at(2_100)), Vec::new())
        );
        assert_eq!((unlogged.next(), unlogged.lines(None, "deputy", Style::Plain)), (None, Vec::new()));
    }

    #[test]
    fn in_json_it_says_of_which_lines() {
        let mut limit = limit();
        let now = Instant::now();
        assert_eq!([0, 1, 2].map(|_| limit.pass(now).is_some()), [true, false, false]);
        let line: serde_json::Value =
            serde_json::from_str(&limit.left_out.line("deputy", Style::Json).unwrap()).unwrap();
        let members = ["event", "level", "of", "class"].map(|name| line[name].as_str().unwrap());
        assert_eq!(members, ["lines_suppressed", "warn", "peer_fault", "silent"]);
        assert_eq!(line["suppressed"], 2);
    }
}
