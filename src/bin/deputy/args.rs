//! The command line, read by the table of subcommands.

use std::ffi::{OsStr, OsString};
use std::time::Duration;

use deputy::client::{Client, Options, Url};
use deputy::limits::SECONDS_MAX;
use lexopt::{Arg, Parser};

use crate::error::CliError;
use crate::options::{HELP, Opt, SERVER, VERSION, ValueKind};
use crate::subcommand::{self, Subcommand};

/// What the command line asks for.
pub(crate) enum Request {
    /// The help text, of a subcommand or of all.
    Help(Option<&'static Subcommand>),
    Version,
    Run(&'static Subcommand, Args),
}

/// What a subcommand was given. Of an option that was given twice the last holds, unless it is asked for [`Args::texts`].
#[derive(Debug, Default)]
pub(crate) struct Args {
    values: Vec<(&'static Opt, Value)>,
    positionals: Vec<String>,
    trailing: Vec<OsString>,
}

#[derive(Debug)]
enum Value {
    Nothing,
    Number(u64),
    Seconds(Duration),
    Text(String),
}

impl Args {
    /// Whether the option was given.
    pub(crate) fn has(&self, option: &Opt) -> bool {
        self.value(option).is_some()
    }

    /// The value of an option that takes a number.
    pub(crate) fn number(&self, option: &Opt) -> Option<u64> {
        match self.value(option)? {
            Value::Number(number) => Some(*number),
            other => unreachable!("{} takes a number, and not {other:?}", option.long),
        }
    }

    /// The value of an option that takes seconds.
    pub(crate) fn seconds(&self, option: &Opt) -> Option<Duration> {
        match self.value(option)? {
            Value::Seconds(seconds) => Some(*seconds),
            other => unreachable!("{} takes seconds, and not {other:?}", option.long),
        }
    }

    /// The value of an option that takes a text or a choice.
    pub(crate) fn text(&self, option: &Opt) -> Option<&str> {
        match self.value(option)? {
            Value::Text(text) => Some(text),
            other => unreachable!("{} takes a text, and not {other:?}", option.long),
        }
    }

    /// All values of an option that takes a text and may be given several times.
    pub(crate) fn texts(&self, option: &Opt) -> Vec<&str> {
        let given = self.values.iter().filter(|(given, _)| given.long == option.long);
        given.filter_map(|(_, value)| if let Value::Text(text) = value { Some(text.as_str()) } else { None }).collect()
    }

    /// The words that belong to no option: as many as the subcommand may have.
    pub(crate) fn positionals(&self) -> &[String] {
        &self.positionals
    }

    /// What followed `--`; not empty if the subcommand has such a word.
    pub(crate) fn trailing(&self) -> &[OsString] {
        &self.trailing
    }

    /// The server: `--server`, or what the environment says.
    pub(crate) fn url(&self) -> Result<Url, CliError> {
        let url = self.text(&SERVER).map_or_else(Url::from_env, str::parse);
        Ok(url?)
    }

    /// A connection to the server.
    pub(crate) fn connect(&self, options: Options) -> Result<Client, CliError> {
        Ok(options.connect(&self.url()?.to_string())?)
    }

    fn value(&self, option: &Opt) -> Option<&Value> {
        self.values.iter().rev().find(|(given, _)| given.long == option.long).map(|(_, value)| value)
    }
}

/// Reads the whole command line. The first thing that is wrong, or `--help`, or `--version`, ends it.
pub(crate) fn parse(mut words: Parser) -> Result<Request, CliError> {
    let mut subcommand = None;
    parse_subcommand(&mut words, &mut subcommand).map_err(|problem| problem.with_help_of(subcommand))
}

/// The first word, and what follows it. `subcommand` is set as soon as it is known.
fn parse_subcommand(words: &mut Parser, subcommand: &mut Option<&'static Subcommand>) -> Result<Request, CliError> {
    let word = words.next().map_err(invalid)?.ok_or_else(|| CliError::usage("a subcommand is missing"))?;
    let name = match word {
        word if is(&word, &HELP) => return finish(words, Request::Help(None)),
        word if is(&word, &VERSION) => return finish(words, Request::Version),
        Arg::Value(name) => name,
        word => return Err(unknown_option(&word)),
    };
    let none = || CliError::usage(format!("there is no subcommand {:?}", name.display().to_string()));
    let found = name.to_str().and_then(subcommand::find).ok_or_else(none)?;
    *subcommand = Some(found);
    parse_rest(found, words)
}

/// What an option asks for that ends the reading. A value that belongs to it is wrong; the rest need not be right.
fn finish(words: &mut Parser, request: Request) -> Result<Request, CliError> {
    words.next().map_err(invalid)?;
    Ok(request)
}

/// What follows the name of a subcommand.
fn parse_rest(subcommand: &'static Subcommand, words: &mut Parser) -> Result<Request, CliError> {
    let (least, most, has_rest) = subcommand.positional_counts();
    let mut args = Args::default();
    loop {
        if let Some(mut raw) = words.try_raw_args() {
            if has_rest && raw.next_if(|word| word == "--").is_some() {
                args.trailing = raw.collect();
                break;
            }
            // Below zero, and no option: none is a digit.
            if let Some(number) = raw.next_if(is_negative_number) {
                args.positionals.push(utf8(number)?);
                continue;
            }
        }
        match words.next().map_err(invalid)? {
            None => break,
            Some(Arg::Value(word)) => args.positionals.push(utf8(word)?),
            Some(word) if is(&word, &HELP) => return finish(words, Request::Help(Some(subcommand))),
            Some(word) => {
                let option = subcommand.options.iter().find(|option| is(&word, option));
                let option = option.ok_or_else(|| unknown_option(&word))?;
                args.values.push((option, parse_value(option, words)?));
            }
        }
    }
    let missing = subcommand.positionals.get(args.positionals.len()).filter(|_| args.positionals.len() < least);
    let missing = missing.or_else(|| subcommand.positionals.last().filter(|_| has_rest && args.trailing.is_empty()));
    match (missing, args.positionals.get(most)) {
        (Some(word), _) => Err(CliError::usage(format!("{} is missing", word.usage()))),
        (None, Some(word)) => Err(CliError::usage(format!("{word:?} is one word too many"))),
        (None, None) => Ok(Request::Run(subcommand, args)),
    }
}

/// Reads what follows an option.
fn parse_value(option: &Opt, words: &mut Parser) -> Result<Value, CliError> {
    if option.value == ValueKind::Nothing {
        return Ok(Value::Nothing);
    }
    let missing = |_| CliError::usage(format!("{} takes {}", option.long, expected(option.value)));
    let text = utf8(words.value().map_err(missing)?)?;
    let value = match option.value {
        ValueKind::Nothing => None,
        ValueKind::Number { min: least, max: most } => {
            parse_uint(&text).filter(|number| (least..=most).contains(number)).map(Value::Number)
        }
        ValueKind::Seconds => parse_seconds(&text).map(Value::Seconds),
        ValueKind::Choice(choices) => choices.contains(&text.as_str()).then(|| Value::Text(text.clone())),
        ValueKind::Text(_) => Some(Value::Text(text.clone())),
    };
    value.ok_or_else(|| CliError::usage(format!("{} {text:?}: it takes {}", option.long, expected(option.value))))
}

/// What is right as an option's value.
fn expected(takes: ValueKind) -> String {
    match takes {
        ValueKind::Nothing => "no value".to_owned(),
        ValueKind::Number { min: least, max: u64::MAX } => format!("a whole number from {least} on"),
        ValueKind::Number { min: least, max: most } => format!("a whole number from {least} to {most}"),
        ValueKind::Seconds => format!("seconds, more than 0 and at most {SECONDS_MAX}"),
        ValueKind::Choice(choices) => format!("one of {}", choices.join(", ")),
        ValueKind::Text(name) => name.to_owned(),
    }
}

/// Digits alone, without a sign.
pub(crate) fn parse_uint(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

/// Digits, with a point among them or not.
pub(crate) fn parse_seconds(text: &str) -> Option<Duration> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let seconds: f64 = if plain { text.parse().ok()? } else { return None };
    // A time that is less than the clock can tell is 0, too.
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|time| !time.is_zero() && *time <= Duration::from_secs(SECONDS_MAX))
}

fn utf8(word: OsString) -> Result<String, CliError> {
    word.into_string().map_err(|word| CliError::usage(format!("{:?} is not UTF-8", word.display().to_string())))
}

fn is(word: &Arg<'_>, option: &Opt) -> bool {
    match word {
        Arg::Short(short) => option.short == Some(*short),
        Arg::Long(long) => option.long[2..] == **long,
        Arg::Value(_) => false,
    }
}

fn is_negative_number(word: &OsStr) -> bool {
    matches!(word.as_encoded_bytes(), [b'-', b'0'..=b'9', ..])
}

fn unknown_option(word: &Arg<'_>) -> CliError {
    let name = match word {
        Arg::Short(short) => format!("-{short}"),
        Arg::Long(long) => format!("--{long}"),
        Arg::Value(value) => value.display().to_string(),
    };
    CliError::usage(format!("there is no option {name:?} here"))
}

/// All that the table does not find out is a value too many, as in `--raw=yes`.
fn invalid(error: lexopt::Error) -> CliError {
    CliError::usage(match error {
        lexopt::Error::UnexpectedValue { option, .. } => format!("{option} takes no value"),
        other => other.to_string(),
    })
}
