//! The command line, in two stages: words to options of the table, then options to a [`Config`] that is right.

use std::ffi::OsString;

use deputy::server::number_range::{NumberRange, Unit};
use deputy::server::{Config, ConfigError, Level};
use lexopt::{Arg, Parser};

use crate::options::{OPTIONS, Opt, ValueKind, parse_uint};
use crate::wrong::Wrong;

/// What the command line asks for.
#[derive(Debug)]
pub(crate) enum Request {
    /// The help text.
    Help,
    /// The version.
    Version,
    /// A server.
    Serve(Box<Config>),
}

/// What holds if nothing is given. A server of its own tells that it listens; a library is silent.
pub(crate) fn defaults() -> Config {
    Config { log: Level::Info, ..Config::default() }
}

/// Reads the whole command line. The first thing that is wrong, or `--help`, or `--version`, ends it.
pub(crate) fn parse(words: Parser) -> Result<Request, Wrong> {
    let mut config = defaults();
    for (option, value) in raw(words)? {
        match &option.value {
            ValueKind::Help => return Ok(Request::Help),
            ValueKind::Version => return Ok(Request::Version),
            ValueKind::Nothing(set) => set(&mut config),
            ValueKind::Number(bound, set) => set(&mut config, number(bound, &value)?),
            ValueKind::Text { right, set, .. } if !set(&mut config, &value) => {
                return Err(ConfigError::value(option.long, value.display(), *right).into());
            }
            ValueKind::Text { .. } => {}
        }
    }
    config.check()?;
    Ok(Request::Serve(Box::new(config)))
}

/// The options with their values, which are empty for those that take none.
fn raw(mut words: Parser) -> Result<Vec<(&'static Opt, OsString)>, Wrong> {
    let mut options = Vec::new();
    while let Some(word) = words.next()? {
        let option = find(&word)?;
        let value = match expected(option) {
            None => OsString::new(),
            Some(right) => words.value().map_err(|_| Wrong::NoValue { option: option.long, right })?,
        };
        options.push((option, value));
        if matches!(option.value, ValueKind::Help | ValueKind::Version) {
            words.next()?; // A value that belongs to it is wrong; the rest need not be right.
            break;
        }
    }
    Ok(options)
}

fn find(word: &Arg<'_>) -> Result<&'static Opt, Wrong> {
    let (found, name) = match word {
        Arg::Short(short) => (OPTIONS.iter().find(|option| option.short == Some(*short)), format!("-{short}")),
        Arg::Long(long) => (OPTIONS.iter().find(|option| option.long[2..] == **long), format!("--{long}")),
        Arg::Value(value) => return Err(Wrong::Stray(value.display().to_string())),
    };
    found.ok_or(Wrong::Unknown(name))
}

/// What is right as the option's value; `None` if it takes none.
fn expected(option: &Opt) -> Option<String> {
    match option.value {
        ValueKind::Help | ValueKind::Version | ValueKind::Nothing(_) => None,
        ValueKind::Number(bound, _) => Some(bound.to_string()),
        ValueKind::Text { right, .. } => Some(right.to_owned()),
    }
}

/// Reads digits, for bytes with K, M or G behind them, within `bound`.
fn number(bound: &NumberRange, value: &OsString) -> Result<u64, ConfigError> {
    let refused = || bound.refuse(value.display());
    let text = value.to_str().ok_or_else(refused)?;
    let (digits, unit) = match text.as_bytes().last() {
        Some(b'k' | b'K') if bound.unit == Unit::Bytes => (&text[..text.len() - 1], 1 << 10),
        Some(b'm' | b'M') if bound.unit == Unit::Bytes => (&text[..text.len() - 1], 1 << 20),
        Some(b'g' | b'G') if bound.unit == Unit::Bytes => (&text[..text.len() - 1], 1 << 30),
        _ => (text, 1),
    };
    let number = parse_uint(digits).and_then(|number| number.checked_mul(unit)).ok_or_else(refused)?;
    bound.check(number).map_err(|_| refused())?; // The value as it was given, with its unit.
    Ok(number)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use deputy::server::Keepalive;

    use super::*;

    fn parse_line(line: &str) -> Result<Request, Wrong> {
        parse(Parser::from_args(line.split_whitespace()))
    }

    /// The config that a command line leads to.
    #[track_caller]
    fn config(line: &str) -> Config {
        match parse_line(line) {
            Ok(Request::Serve(config)) => *config,
            other => panic!("{line:?} gives {other:?}"),
        }
    }

    /// Checks that a command line leads to the defaults with `change`.
    #[track_caller]
    fn check(line: &str, change: impl FnOnce(&mut Config)) {
        let mut expected = defaults();
        change(&mut expected);
        assert_eq!(config(line), expected, "{line:?}");
    }

    /// Checks that a command line is refused with a text that starts so.
    #[track_caller]
    fn refuse(line: &str, start: &str) {
        let text = parse_line(line).unwrap_err().to_string();
        assert!(text.starts_with(start), "{line:?}: {text}");
        assert!(text.ends_with("; try 'deputy-server --help'") && text.lines().count() == 1, "{text}");
    }

    #[test]
    fn every_option_sets_its_field() {
        check("", |_| {});
        for line in ["-h ::1", "-h::1", "-h=::1", "--host ::1", "--host=::1"] {
            check(line, |c| c.host = "::1".to_owned());
        }
        check("-p 0", |c| c.port = 0);
        check("--port 65535", |c| c.port = 65_535);
        check("-s a.sock", |c| c.sock = Some("a.sock".into()));
        check("--sock a.sock --no-tcp", |c| (c.sock, c.tcp) = (Some("a.sock".into()), false));
        check("-v", |c| c.verbose = true);
        check("--verbose", |c| c.verbose = true);
        check("--log off", |c| c.log = Level::Off);
        check("--log debug", |c| c.log = Level::Debug);
        check("--threads 0", |c| c.threads = 0);
        check("--threads 1024", |c| c.threads = 1_024);
        check("--max-line 64", |c| c.line_bytes_max = 64);
        check("--max-line 1G", |c| c.line_bytes_max = 1 << 30);
        check("--max-attempts 0", |c| c.attempts_max = 0);
        check("--max-attempts 4294967295", |c| c.attempts_max = u32::MAX);
        check("--max-memory 1M", |c| c.memory_bytes_max = Some(1 << 20));
        check("--max-unsent 0", |c| c.unsent_bytes_max = 0);
        check("--stall-timeout 0", |c| c.stall_seconds = 0);
        check("--drain-timeout 86400", |c| c.drain_seconds = 86_400);
        let keepalive = Keepalive { idle_seconds: 1, interval_seconds: 32_767, count: 127 };
        check("--keepalive 1,32767,127", |c| c.keepalive = keepalive);
        if cfg!(target_os = "linux") {
            check("--pin", |c| c.pin = true);
        }
        check("-vp80 -s x", |c| (c.verbose, c.port, c.sock) = (true, 80, Some("x".into())));
        check("-p 1 -p 2", |c| c.port = 2);
    }

    #[test]
    fn sizes_take_k_m_and_g_of_either_case() {
        for (text, bytes) in
            [("2048K", 2 << 20), ("2048k", 2 << 20), ("3m", 3 << 20), ("1g", 1 << 30), ("1048577", 1_048_577)]
        {
            check(&format!("--max-memory {text}"), |c| c.memory_bytes_max = Some(bytes));
        }
        for wrong in
            ["", "K", "1KB", "1T", "-1", "+1M", "1.5M", "1 M", "0x10", "99999999999999999999", "18446744073709551615G"]
        {
            let words = ["--max-memory", wrong];
            let text = parse(Parser::from_args(words)).unwrap_err().to_string();
            assert!(
                text.starts_with("--max-memory takes bytes, or a number with K, M or G, from 1M to 1048576G"),
                "{text}"
            );
            assert!(text.contains(&format!("not {wrong:?}")), "{text}");
        }
    }

    #[test]
    fn every_wrong_option_is_named_with_what_is_right() {
        refuse("--hots x", "there is no option \"--hots\"");
        refuse("-x", "there is no option \"-x\"");
        refuse("jobs", "\"jobs\" belongs to no option");
        refuse("-v jobs", "\"jobs\" belongs to no option");
        refuse("-- -v", "\"-v\" belongs to no option");
        refuse("-", "\"-\" belongs to no option");
        for flag in ["--pin", "--no-tcp", "--verbose", "--help", "--version"] {
            refuse(&format!("{flag}=yes"), &format!("{flag} takes no value"));
        }
        refuse("-v=yes", "-v takes no value");
        refuse("--no-tcp", "--no-tcp leaves nothing to listen on without --sock PATH");
        refuse("--host=", "--host takes an IP address or a host name, not \"\"");
        refuse("--sock=", "--sock takes the path of a UNIX socket, not \"\"");
        refuse("--log loud", "--log takes off, error, warn, info or debug, not \"loud\"");
        refuse("--log INFO", "--log takes off, error, warn, info or debug, not \"INFO\"");
        refuse("-p --help", "--port takes a whole number from 0 to 65535 (0: a free one), not \"--help\"");
        for option in OPTIONS {
            if expected(option).is_some() {
                let start = if option.long == "--host" { "-h, --host takes " } else { option.long };
                refuse(option.long, start);
            }
        }
        refuse("-h", "-h, --host takes an IP address or a host name (help is --help)");
        refuse("--threads", "--threads takes a whole number from 0 to 1024 (0: one a core)");
    }

    #[test]
    fn every_number_is_refused_past_its_edges() {
        for (option, past) in [
            ("--port", ["65536", "-1"]),
            ("--threads", ["1025", "two"]),
            ("--max-line", ["63", "1073741825"]),
            ("--max-attempts", ["4294967296", "1K"]),
            ("--max-memory", ["0", "1048575"]),
            ("--max-unsent", ["1048577G", "x"]),
            ("--stall-timeout", ["86401", "1.5"]),
            ("--drain-timeout", ["86401", "10s"]),
        ] {
            for value in past {
                let text = parse(Parser::from_args([option, value])).unwrap_err().to_string();
                assert!(text.starts_with(&format!("{option} takes ")), "{text}");
                assert!(text.contains(&format!(", not {value:?}")), "{text}");
            }
        }
    }

    #[test]
    fn keepalive_takes_three_numbers_in_range() {
        for wrong in [
            "",
            "30",
            "30,10",
            "30,10,3,1",
            "0,10,3",
            "30,0,3",
            "30,10,0",
            "32768,10,3",
            "30,32768,3",
            "30,10,128",
            "30,,3",
            "30,10,-3",
            "30,10,x",
            "30,10,99999999999",
        ] {
            let text = parse(Parser::from_args(["--keepalive", wrong])).unwrap_err().to_string();
            assert!(text.starts_with("--keepalive takes IDLE,INTERVAL,COUNT: "), "{text}");
            assert!(text.contains(&format!("not {wrong:?}")), "{text}");
        }
    }

    #[test]
    fn help_and_version_need_nothing_else_to_be_right() {
        assert!(matches!(parse_line("--help --nonsense"), Ok(Request::Help)));
        assert!(matches!(parse_line("-V"), Ok(Request::Version)));
        assert!(matches!(parse_line("--no-tcp --version"), Ok(Request::Version)));
        refuse("--nonsense --help", "there is no option \"--nonsense\"");
    }

    #[cfg(unix)]
    #[test]
    fn words_that_are_no_text_are_taken_as_paths_only() {
        use std::os::unix::ffi::OsStringExt;

        let word = || OsString::from_vec(b"a\xff".to_vec());
        let sock = match parse(Parser::from_args([OsString::from("-s"), word()])) {
            Ok(Request::Serve(config)) => config.sock,
            other => panic!("{other:?}"),
        };
        assert_eq!(sock.as_deref(), Some(Path::new(&word())));
        for option in ["--host", "--port", "--log", "--keepalive", "--max-line"] {
            let text = parse(Parser::from_args([option.into(), word()])).unwrap_err().to_string();
            assert!(text.starts_with(&format!("{option} takes ")), "{text}");
        }
    }
}
