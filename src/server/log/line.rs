//! Formats an event as a line of text or JSON, from the same data.

use std::env;
use std::fmt::{self, Write};
use std::io;
use std::time::SystemTime;

use super::Level;
use super::event::{Event, EventKind};
use super::timestamp::Timestamp;

/// The form of the lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Sentences after the time. Without the time if stderr is the journal, which adds its own.
    #[default]
    Text,
    /// An object per line.
    Json,
}

impl LogFormat {
    /// All formats, by name.
    pub const NAMES: [(&'static str, LogFormat); 2] = [("text", LogFormat::Text), ("json", LogFormat::Json)];

    /// Returns the format with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, format)| *format)
    }

    /// Returns the line, with its end, that says why `program` ends with this exit code. Code 2 is a wrong command
    /// line: its text has no time, because a user has just typed the command.
    pub fn failure_line(self, program: &str, exit_code: u8, error: &dyn fmt::Display) -> String {
        let is_usage = exit_code == 2;
        let style = if is_usage && self == Self::Text { Style::Plain } else { Style::on_stderr(self) };
        let event = if is_usage { Event::UsageError } else { Event::Failed };
        let members = [("code", Value::Number(exit_code.into()))];
        style.line(&format!("{program}: "), Level::Error, event.into(), format_args!("{error}"), &members)
    }
}

/// The style of lines on this stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// An object.
    Json,
    /// A sentence after the time.
    Stamped,
    /// A sentence.
    Plain,
}

/// A member of an event: its name and value.
pub type Member<'a> = (&'static str, Value<'a>);

/// The value of a member.
#[derive(Clone, Copy)]
pub enum Value<'a> {
    /// A string.
    Text(&'a dyn fmt::Display),
    /// An array of strings.
    Texts(&'a [&'a dyn fmt::Display]),
    /// A number.
    Number(u64),
    /// A value that is JSON already.
    Json(&'a str),
    /// The member is left out.
    Absent,
}

impl Style {
    /// Returns the style for the stderr that the process has now.
    pub(super) fn on_stderr(format: LogFormat) -> Self {
        match format {
            LogFormat::Json => Self::Json,
            LogFormat::Text if is_journal() => Self::Plain,
            LogFormat::Text => Self::Stamped,
        }
    }

    /// Returns the line with its end. Its time is now. `prefix` stands before the text where the line is a sentence.
    pub(super) fn line(
        self,
        prefix: &str,
        level: Level,
        event: EventKind,
        text: fmt::Arguments<'_>,
        members: &[Member<'_>],
    ) -> String {
        debug_assert!(event.levels.contains(&level), "{} has no level {level:?}", event.name);
        let mut names = event.members.iter();
        for (name, _) in members {
            debug_assert!(
                names.any(|known| known == name),
                "{} has no member {name}, or not in this place",
                event.name
            );
        }
        let mut line = String::new();
        // Writing to a String does not fail.
        let _ = match self {
            Self::Json => write_object(&mut line, level, event, text, members),
            Self::Stamped => write!(line, "{} {prefix}", Timestamp(SystemTime::now()))
                .and_then(|()| write!(OneLine(&mut line), "{text}")),
            Self::Plain => write!(line, "{prefix}").and_then(|()| write!(OneLine(&mut line), "{text}")),
        };
        line.push('\n');
        line
    }
}

/// Returns whether stderr goes to the journal: `JOURNAL_STREAM` names the device and inode of its socket, and stderr is
/// this socket (systemd.exec(5)). The variable alone says nothing, because child processes inherit it.
fn is_journal() -> bool {
    let Ok(stream) = env::var("JOURNAL_STREAM") else { return false };
    rustix::fs::fstat(io::stderr()).is_ok_and(|stat| format!("{}:{}", stat.st_dev, stat.st_ino) == stream)
}

fn write_object(
    line: &mut String,
    level: Level,
    event: EventKind,
    text: fmt::Arguments<'_>,
    members: &[Member<'_>],
) -> fmt::Result {
    let (time, level, name) = (Timestamp(SystemTime::now()), level.name(), event.name);
    write!(line, r#"{{"time":"{time}","level":"{level}","event":"{name}","text":"#)?;
    write_string(line, &text)?;
    for (name, value) in members {
        write_member(line, name, *value)?;
    }
    line.write_char('}')
}

fn write_member(line: &mut String, name: &str, value: Value<'_>) -> fmt::Result {
    if matches!(value, Value::Absent) {
        return Ok(());
    }
    write!(line, r#","{name}":"#)?;
    match value {
        Value::Text(text) => write_string(line, text),
        Value::Texts(texts) => {
            line.push('[');
            for (i, text) in texts.iter().enumerate() {
                line.push_str(if i == 0 { "" } else { "," });
                write_string(line, text)?;
            }
            line.write_char(']')
        }
        Value::Number(number) => write!(line, "{number}"),
        Value::Json(json) => line.write_str(json),
        Value::Absent => Ok(()),
    }
}

fn write_string(line: &mut String, text: &dyn fmt::Display) -> fmt::Result {
    line.push('"');
    write!(JsonString(line), "{text}")?;
    line.write_char('"')
}

/// Appends the inside of a JSON string. It escapes more control characters than JSON demands, because a terminal obeys
/// some of the others too.
struct JsonString<'a>(&'a mut String);

impl Write for JsonString<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            match c {
                '"' | '\\' => self.0.extend(['\\', c]),
                c if c.is_control() => write!(self.0, "\\u{:04x}", u32::from(c))?,
                c => self.0.push(c),
            }
        }
        Ok(())
    }
}

/// Appends text with its control characters escaped.
struct OneLine<'a>(&'a mut String);

impl Write for OneLine<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            if c.is_control() { self.0.extend(c.escape_default()) } else { self.0.push(c) }
        }
        Ok(())
    }
}

/// Returns `text` with its control characters escaped, so that a strange path cannot forge a line or disturb a terminal.
pub(in crate::server) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    let _ = OneLine(&mut line).write_str(text); // Writing to a String does not fail.
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> serde_json::Value {
        assert_eq!(line.lines().count(), 1, "{line:?}");
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    /// Returns a line of every style about an address with characters that must not stay as they are.
    fn strange(style: Style) -> String {
        let path = "a\n\"\\\u{1b}[0m\u{9b}é";
        let members = [("address", Value::Text(&path)), ("error", Value::Absent)];
        style.line("deputy: ", Level::Warn, Event::AddressSkipped.into(), format_args!("at {path}"), &members)
    }

    #[test]
    fn control_characters_can_neither_forge_a_line_nor_reach_a_terminal() {
        assert_eq!(one_line("a\nb\u{1b}[0m é"), "a\\nb\\u{1b}[0m é");
        assert_eq!(strange(Style::Plain), "deputy: at a\\n\"\\\\u{1b}[0m\\u{9b}é\n");
        let json = strange(Style::Json);
        assert!(json.trim_end().chars().all(|c| !c.is_control()), "{json:?}");
        let object = parsed(&json);
        assert_eq!(object["address"], "a\n\"\\\u{1b}[0m\u{9b}é");
        assert_eq!(object["text"], "at a\n\"\\\u{1b}[0m\u{9b}é");
        assert_eq!(object.get("error"), None);
    }

    #[test]
    fn every_style_has_the_same_sentence_and_every_other_one_the_time() {
        let line =
            |style: Style| style.line("deputy: ", Level::Info, Event::Stopping.into(), format_args!("stopping"), &[]);
        assert_eq!(line(Style::Plain), "deputy: stopping\n");
        let stamped = line(Style::Stamped);
        let (time, rest) = stamped.split_once(' ').unwrap();
        assert_eq!(rest, "deputy: stopping\n");
        let object = parsed(&line(Style::Json));
        for time in [time, object["time"].as_str().unwrap()] {
            assert!(time.len() == 24 && time.starts_with("20") && time.ends_with('Z'), "{time}");
        }
        assert_eq!([&object["level"], &object["event"], &object["text"]], ["info", "stopping", "stopping"]);
    }

    #[test]
    fn every_kind_of_value_is_json() {
        let (a, b) = ("a", String::from("\""));
        let members = [("addresses", Value::Texts(&[&a, &b])), ("shards", Value::Number(4))];
        let line = Style::Json.line("", Level::Info, Event::Listening.into(), format_args!("x"), &members);
        assert!(line.ends_with(",\"text\":\"x\",\"addresses\":[\"a\",\"\\\"\"],\"shards\":4}\n"), "{line}");
        parsed(&line);
        let members = [("metrics", Value::Json(r#"{"n":1}"#))];
        let object =
            parsed(&Style::Json.line("", Level::Info, Event::Metrics.into(), format_args!("metrics"), &members));
        assert_eq!(object["metrics"]["n"], 1);
    }

    #[test]
    #[should_panic(expected = "stopping has no member jobs")]
    fn a_member_that_is_not_documented_is_refused() {
        let _ =
            Style::Json.line("", Level::Info, Event::Stopping.into(), format_args!(""), &[("jobs", Value::Number(1))]);
    }
}
