//! Reads a command line by its table, up to the first error, `--help` or `--version`.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::time::Duration;

use lexopt::{Arg, Parser};

use super::number::{parse_bytes, parse_int, parse_job_seconds, parse_seconds, parse_uint};
use super::{Count, Opt, Positional, ValueKind};

/// The parsed command line. If an option was given twice, the last value counts; only [`Args::texts`] returns all.
#[derive(Debug, Default)]
pub(crate) struct Args {
    values: Vec<(&'static Opt, Value)>,
    positionals: Vec<String>,
    trailing: Vec<OsString>,
    /// The option that ended the reading, such as `--help`.
    ended_by: Option<&'static Opt>,
}

#[derive(Debug)]
enum Value {
    Flag,
    Uint(u64),
    Int(i64),
    Seconds(Duration),
    Text(String),
    Path(OsString),
}

/// An error of a command line. Its text names the argument and the accepted values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum UsageError {
    UnrecognizedOption(String),
    UnexpectedArgument(String),
    MissingArgument(String),
    MissingValue { option: &'static str, expected: String },
    UnexpectedValue { option: String },
    InvalidValue { option: &'static str, value: String, expected: String },
    NotUtf8(String),
}

impl Args {
    /// Whether the option was given.
    pub(crate) fn has(&self, option: &Opt) -> bool {
        self.value(option).is_some()
    }

    /// Returns how often the option was given.
    pub(crate) fn count(&self, option: &Opt) -> usize {
        self.values.iter().filter(|(given, _)| given.long == option.long).count()
    }

    /// Returns the value of an option that takes a whole number, bytes or whole seconds.
    pub(crate) fn uint(&self, option: &Opt) -> Option<u64> {
        match self.value(option)? {
            Value::Uint(number) => Some(*number),
            other => unreachable!("{} takes a number, not {other:?}", option.long),
        }
    }

    /// Returns the value of an option that takes a whole number which may be below 0.
    pub(crate) fn int(&self, option: &Opt) -> Option<i64> {
        match self.value(option)? {
            Value::Int(number) => Some(*number),
            other => unreachable!("{} takes a number, not {other:?}", option.long),
        }
    }

    /// Returns the value of an option that takes seconds with decimals.
    pub(crate) fn seconds(&self, option: &Opt) -> Option<Duration> {
        match self.value(option)? {
            Value::Seconds(seconds) => Some(*seconds),
            other => unreachable!("{} takes seconds, not {other:?}", option.long),
        }
    }

    /// Returns the value of an option that takes a text or a choice.
    pub(crate) fn text(&self, option: &Opt) -> Option<&str> {
        match self.value(option)? {
            Value::Text(text) => Some(text),
            other => unreachable!("{} takes a text, not {other:?}", option.long),
        }
    }

    /// Returns all values of an option that takes a text, in their order.
    pub(crate) fn texts(&self, option: &Opt) -> Vec<&str> {
        let given = self.values.iter().filter(|(given, _)| given.long == option.long);
        given.filter_map(|(_, value)| if let Value::Text(text) = value { Some(text.as_str()) } else { None }).collect()
    }

    /// Returns the value of an option that takes a path.
    pub(crate) fn path(&self, option: &Opt) -> Option<&OsStr> {
        match self.value(option)? {
            Value::Path(path) => Some(path),
            other => unreachable!("{} takes a path, not {other:?}", option.long),
        }
    }

    /// Returns the arguments that belong to no option: as many as the table allows.
    pub(crate) fn positionals(&self) -> &[String] {
        &self.positionals
    }

    /// Returns the arguments after `--`; not empty if the table has [`Count::Trailing`].
    pub(crate) fn trailing(&self) -> &[OsString] {
        &self.trailing
    }

    /// Whether this option ended the reading.
    pub(crate) fn is_ended_by(&self, option: &Opt) -> bool {
        self.ended_by.is_some_and(|end| end.long == option.long)
    }

    fn value(&self, option: &Opt) -> Option<&Value> {
        self.values.iter().rev().find(|(given, _)| given.long == option.long).map(|(_, value)| value)
    }
}

/// Reads all arguments. An option of `ending` ends the reading: then neither the rest of the line nor missing arguments
/// are checked. Errors name the argument.
pub(crate) fn parse(
    arguments: &mut Parser,
    options: &[&'static Opt],
    ending: &[&'static Opt],
    positionals: &[Positional],
) -> Result<Args, UsageError> {
    let has_trailing = positionals.iter().any(|positional| positional.count == Count::Trailing);
    let mut args = Args::default();
    loop {
        if let Some(mut raw) = arguments.try_raw_args() {
            if has_trailing && raw.next_if(|argument| argument == "--").is_some() {
                args.trailing = raw.collect();
                break;
            }
            // An optional argument may be a number below 0. If a name begins with a dash, it is a mistyped option.
            let next = positionals.get(args.positionals.len()).map(|positional| positional.count);
            let is_number = |argument: &OsStr| is_negative_number(argument) && next == Some(Count::AtMostOnce);
            if let Some(number) = raw.next_if(|argument| is_number(argument) && !is_flag(argument, options)) {
                args.positionals.push(utf8(number)?);
                continue;
            }
        }
        match arguments.next().map_err(invalid)? {
            None => break,
            Some(Arg::Value(argument)) if positionals.is_empty() => return Err(unexpected(&argument)),
            Some(Arg::Value(argument)) => args.positionals.push(utf8(argument)?),
            Some(argument) => {
                let find = |options: &[&'static Opt]| options.iter().copied().find(|option| is(&argument, option));
                if let Some(end) = find(ending) {
                    arguments.next().map_err(invalid)?; // Refuses `--help=x`.
                    args.ended_by = Some(end);
                    return Ok(args);
                }
                let option = find(options).ok_or_else(|| unrecognized(&argument))?;
                args.values.push((option, parse_value(option, arguments)?));
            }
        }
    }
    check_count(&args, positionals).map(|()| args)
}

/// Checks that no positional argument is missing or too many.
fn check_count(args: &Args, positionals: &[Positional]) -> Result<(), UsageError> {
    let count = |wanted: &[Count]| positionals.iter().filter(|row| wanted.contains(&row.count)).count();
    let min = count(&[Count::Once, Count::OnceOrMore]);
    let is_endless = count(&[Count::OnceOrMore, Count::AnyNumber]) > 0;
    let max = if is_endless { usize::MAX } else { min + count(&[Count::AtMostOnce]) };
    let missing = positionals.get(args.positionals.len()).filter(|_| args.positionals.len() < min);
    let is_trailing_missing = |last: &&Positional| last.count == Count::Trailing && args.trailing.is_empty();
    match (missing.or_else(|| positionals.last().filter(is_trailing_missing)), args.positionals.get(max)) {
        (Some(row), _) => Err(UsageError::MissingArgument(row.usage())),
        (None, Some(argument)) => Err(unexpected(OsStr::new(argument))),
        (None, None) => Ok(()),
    }
}

/// Reads the value of an option.
fn parse_value(option: &Opt, arguments: &mut Parser) -> Result<Value, UsageError> {
    if option.value == ValueKind::Flag {
        return Ok(Value::Flag);
    }
    let missing = |_| UsageError::MissingValue { option: option.long, expected: option.value.expected() };
    let raw = arguments.value().map_err(missing)?;
    if let ValueKind::Path(_) = option.value {
        return Ok(Value::Path(raw));
    }
    let not_utf8 = |raw: OsString| UsageError::invalid_value(option, &raw.display().to_string(), "text in UTF-8");
    let text = raw.into_string().map_err(not_utf8)?;
    let within = |min, max| move |number: &u64| (min..=max).contains(number);
    let value = match option.value {
        ValueKind::Flag | ValueKind::Path(_) => None,
        ValueKind::Uint { min, max, .. } | ValueKind::WholeSeconds { min, max, .. } => {
            parse_uint(&text).filter(within(min, max)).map(Value::Uint)
        }
        ValueKind::Bytes { min, max, .. } => parse_bytes(&text).filter(within(min, max)).map(Value::Uint),
        ValueKind::Int { min, max } => parse_int(&text).filter(|number| (min..=max).contains(number)).map(Value::Int),
        ValueKind::Seconds => parse_seconds(&text).map(Value::Seconds),
        ValueKind::JobSeconds { zero } => parse_job_seconds(&text, !zero.is_empty()).map(Value::Seconds),
        ValueKind::Choice { words, .. } => words.contains(&text.as_str()).then(|| Value::Text(text.clone())),
        ValueKind::Text(_) => Some(Value::Text(text.clone())),
    };
    value.ok_or_else(|| UsageError::invalid_value(option, &text, option.value.expected()))
}

fn utf8(argument: OsString) -> Result<String, UsageError> {
    argument.into_string().map_err(|argument| UsageError::NotUtf8(argument.display().to_string()))
}

fn is(argument: &Arg<'_>, option: &Opt) -> bool {
    match argument {
        Arg::Short(short) => option.short == Some(*short),
        Arg::Long(long) => option.long[2..] == **long,
        Arg::Value(_) => false,
    }
}

fn is_negative_number(argument: &OsStr) -> bool {
    matches!(argument.as_encoded_bytes(), [b'-', b'0'..=b'9', ..])
}

/// Whether this is a short option that is a digit, such as `-0`.
fn is_flag(argument: &OsStr, options: &[&'static Opt]) -> bool {
    let [b'-', digit] = argument.as_encoded_bytes() else { return false };
    options.iter().any(|option| option.short == Some(char::from(*digit)))
}

/// Makes the error for an option that the table lacks.
pub(crate) fn unrecognized(argument: &Arg<'_>) -> UsageError {
    UsageError::UnrecognizedOption(match argument {
        Arg::Short(short) => format!("-{short}"),
        Arg::Long(long) => format!("--{long}"),
        Arg::Value(value) => value.display().to_string(),
    })
}

fn unexpected(argument: &OsStr) -> UsageError {
    UsageError::UnexpectedArgument(argument.display().to_string())
}

/// Makes the error for an argument that lexopt refuses: a value for a flag, as in `--raw=yes`.
pub(crate) fn invalid(error: lexopt::Error) -> UsageError {
    match error {
        lexopt::Error::UnexpectedValue { option, .. } => UsageError::UnexpectedValue { option },
        other => UsageError::UnexpectedArgument(other.to_string()),
    }
}

impl UsageError {
    /// Makes the error for a value that its option does not accept.
    pub(crate) fn invalid_value(option: &Opt, value: &str, expected: impl Into<String>) -> Self {
        Self::InvalidValue { option: option.long, value: value.to_owned(), expected: expected.into() }
    }
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnrecognizedOption(name) => write!(f, "unrecognized option {}", quoted(name)),
            Self::UnexpectedArgument(argument) => write!(f, "unexpected argument {}", quoted(argument)),
            Self::MissingArgument(usage) => write!(f, "missing argument: {usage}"),
            Self::MissingValue { option, expected } => write!(f, "option '{option}' requires a value: {expected}"),
            Self::UnexpectedValue { option } => write!(f, "option '{option}' takes no value"),
            Self::InvalidValue { option, value, expected } => {
                write!(f, "invalid value {} for '{option}': expected {expected}", quoted(value))
            }
            Self::NotUtf8(argument) => write!(f, "argument {} is not UTF-8", quoted(argument)),
        }
    }
}

/// A text between quotes, on one line: control characters are escaped.
pub(crate) fn quoted(text: &str) -> String {
    let mut shown = String::from("'");
    for c in text.chars() {
        if c.is_control() {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown + "'"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_line_whatever_was_given() {
        let error = UsageError::UnexpectedArgument("a\nb\u{1b}[2J".to_owned());
        assert_eq!(error.to_string(), "unexpected argument 'a\\nb\\u{1b}[2J'");
    }
}
