//! Turns the command line into a [`Config`].

use std::fmt;

#[cfg(feature = "http")]
use deputy::limits::HTTP_TYPES_DEFAULT;
#[cfg(feature = "http")]
use deputy::monitor::HttpAddress;
use deputy::server::{Config, ConfigError, Keepalive, Level, LogFormat};
use lexopt::Parser;

use crate::cli::number::parse_uint;
use crate::cli::parse::{Args, UsageError, parse as parse_arguments, quoted};
use crate::cli::program::{LOG, LOG_FORMAT};
use crate::options::{
    DRAIN_TIMEOUT, HELP, HOST, KEEPALIVE, MAX_ATTEMPTS, MAX_LINE, MAX_MEMORY, MAX_UNSENT, NO_TCP, OPTIONS, PIN, PORT,
    RUN_LIMIT, SOCK, STALL_TIMEOUT, THREADS, VERBOSE, VERSION, expected, option_of,
};
#[cfg(feature = "http")]
use crate::options::{HTTP, HTTP_TYPES};

/// The request of a command line: to serve, or to print a text.
#[derive(Debug)]
pub(crate) enum Request {
    Help,
    Version,
    Serve(Box<Serving>),
}

/// The server to run, and its HTTP server.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Serving {
    pub(crate) config: Config,
    /// The addresses of the HTTP server.
    #[cfg(feature = "http")]
    pub(crate) http: Vec<HttpAddress>,
    /// How many types have metrics of their own at the HTTP server.
    #[cfg(feature = "http")]
    pub(crate) http_types: usize,
}

/// An error of the command line. Its text is one line that names the option and the accepted values.
#[derive(Debug)]
pub(crate) enum ArgsError {
    Usage(UsageError),
    /// A second `--sock`. Without this error the server would silently ignore the first.
    RepeatedSock,
    /// Options that do not fit each other.
    Config(ConfigError),
}

/// The configuration without any option. Unlike the library, the program logs by default.
pub(crate) fn defaults() -> Config {
    Config { log: Level::Info, ..Config::default() }
}

/// Reads the command line, up to the first error, `--help` or `--version`.
pub(crate) fn parse(mut arguments: Parser) -> Result<Request, ArgsError> {
    let (options, ending) = OPTIONS.split_at(OPTIONS.len() - 2);
    let args = parse_arguments(&mut arguments, options, ending, &[]).map_err(ArgsError::Usage)?;
    if args.is_ended_by(&HELP) {
        return Ok(Request::Help);
    }
    if args.is_ended_by(&VERSION) {
        return Ok(Request::Version);
    }
    if args.count(&SOCK) > 1 {
        return Err(ArgsError::RepeatedSock);
    }
    let config = config(&args).map_err(ArgsError::Usage)?;
    config.check().map_err(ArgsError::Config)?;
    Ok(Request::Serve(Box::new(Serving {
        config,
        #[cfg(feature = "http")]
        http: http(&args).map_err(ArgsError::Usage)?,
        #[cfg(feature = "http")]
        http_types: args.uint(&HTTP_TYPES).map_or(HTTP_TYPES_DEFAULT, narrow),
    })))
}

/// Returns the addresses for HTTP.
#[cfg(feature = "http")]
fn http(args: &Args) -> Result<Vec<HttpAddress>, UsageError> {
    let parse = |text: &str| text.parse().map_err(|_| UsageError::invalid_value(&HTTP, text, expected(&HTTP)));
    args.texts(&HTTP).into_iter().map(parse).collect()
}

/// Returns the defaults with what the options change.
fn config(args: &Args) -> Result<Config, UsageError> {
    let mut config = defaults();
    if args.has(&HOST) {
        config.hosts = args.texts(&HOST).into_iter().map(str::to_owned).collect();
    }
    config.port = args.uint(&PORT).map_or(config.port, narrow);
    config.sock = args.path(&SOCK).map(Into::into);
    config.tcp = !args.has(&NO_TCP);
    config.verbose = args.has(&VERBOSE);
    config.log = args.text(&LOG).and_then(Level::from_name).unwrap_or(config.log);
    config.log_format = args.text(&LOG_FORMAT).and_then(LogFormat::from_name).unwrap_or(config.log_format);
    config.threads = args.uint(&THREADS).map_or(config.threads, narrow);
    config.line_bytes_max = args.uint(&MAX_LINE).map_or(config.line_bytes_max, narrow);
    config.attempts_max = args.uint(&MAX_ATTEMPTS).map_or(config.attempts_max, narrow);
    config.run_limit_seconds = args.uint(&RUN_LIMIT).unwrap_or(config.run_limit_seconds);
    config.memory_bytes_max = args.uint(&MAX_MEMORY);
    config.unsent_bytes_max = args.uint(&MAX_UNSENT).unwrap_or(config.unsent_bytes_max);
    config.stall_seconds = args.uint(&STALL_TIMEOUT).unwrap_or(config.stall_seconds);
    config.drain_seconds = args.uint(&DRAIN_TIMEOUT).unwrap_or(config.drain_seconds);
    config.pin = args.has(&PIN);
    if let Some(text) = args.text(&KEEPALIVE) {
        let invalid = || UsageError::invalid_value(&KEEPALIVE, text, expected(&KEEPALIVE));
        config.keepalive = keepalive(text).ok_or_else(invalid)?;
    }
    Ok(config)
}

/// Reads three whole numbers with commas between them. [`Config::check`] checks their ranges.
fn keepalive(text: &str) -> Option<Keepalive> {
    let mut parts = text.split(',').map(|part| parse_uint(part)?.try_into().ok());
    let (idle_seconds, interval_seconds, count) = (parts.next()??, parts.next()??, parts.next()??);
    parts.next().is_none().then_some(Keepalive { idle_seconds, interval_seconds, count })
}

/// Converts a number that its option's range keeps within the field's type.
fn narrow<T: TryFrom<u64>>(number: u64) -> T {
    T::try_from(number).ok().expect("the option's range is within the field's type")
}

impl fmt::Display for ArgsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // In most programs `-h` prints the help.
            Self::Usage(UsageError::MissingValue { option: "--host", .. }) => {
                write!(f, "option '-h, --host' requires a value: {} (for help, use --help)", expected(&HOST))
            }
            Self::Usage(UsageError::MissingValue { option, .. }) if *option == KEEPALIVE.long => {
                write!(f, "option '{option}' requires a value: {}", expected(&KEEPALIVE))
            }
            #[cfg(feature = "http")]
            Self::Usage(UsageError::MissingValue { option, .. }) if *option == HTTP.long => {
                write!(f, "option '{option}' requires a value: {}", expected(&HTTP))
            }
            Self::Usage(UsageError::MissingValue { option, .. }) if *option == SOCK.long => {
                write!(f, "option '{option}' requires a value: {}", expected(&SOCK))
            }
            Self::Usage(error) => error.fmt(f),
            Self::Config(ConfigError::Value { field, given, .. }) => {
                let option = option_of(*field);
                write!(f, "invalid value {} for '{}': expected {}", quoted(given), option.long, expected(option))
            }
            Self::RepeatedSock => f.write_str("option '--sock' was given twice: the server listens on one UNIX socket"),
            Self::Config(ConfigError::NothingToListenOn) => {
                f.write_str("--no-tcp leaves nothing to listen on without --sock PATH")
            }
            Self::Config(ConfigError::PinUnsupported) => f.write_str("--pin works on Linux only: leave it out"),
        }?;
        f.write_str("; try 'deputy-server --help'")
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::path::Path;

    use super::*;
    use crate::cli::ValueKind;
    use crate::cli::program::log_format;

    fn parse_line(line: &str) -> Result<Request, ArgsError> {
        parse(Parser::from_args(line.split_whitespace()))
    }

    /// What a command line runs.
    #[track_caller]
    fn serving(line: &str) -> Serving {
        match parse_line(line) {
            Ok(Request::Serve(serving)) => *serving,
            other => panic!("{line:?} gives {other:?}"),
        }
    }

    /// Checks that a command line leads to the defaults with `change`.
    #[track_caller]
    fn check(line: &str, change: impl FnOnce(&mut Config)) {
        let mut expected = defaults();
        change(&mut expected);
        assert_eq!(serving(line).config, expected, "{line:?}");
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
            check(line, |c| c.hosts = vec!["::1".to_owned()]);
        }
        for line in ["-h a -h b", "-ha --host=b"] {
            check(line, |c| c.hosts = vec!["a".to_owned(), "b".to_owned()]);
        }
        check("-p 0", |c| c.port = 0);
        check("--port 65535", |c| c.port = 65_535);
        check("-s a.sock", |c| c.sock = Some("a.sock".into()));
        check("--sock a.sock --no-tcp", |c| (c.sock, c.tcp) = (Some("a.sock".into()), false));
        check("-v", |c| c.verbose = true);
        check("--verbose", |c| c.verbose = true);
        check("--log off", |c| c.log = Level::Off);
        check("--log debug", |c| c.log = Level::Debug);
        check("--log-format json", |c| c.log_format = LogFormat::Json);
        check("--log-format=json --log-format=text", |_| {});
        check("--threads 0", |c| c.threads = 0);
        check("--threads 1024", |c| c.threads = 1_024);
        check("--max-line 64", |c| c.line_bytes_max = 64);
        check("--max-line 1G", |c| c.line_bytes_max = 1 << 30);
        check("--max-attempts 0", |c| c.attempts_max = 0);
        check("--max-attempts 4294967295", |c| c.attempts_max = u32::MAX);
        check("--run-limit 2592000", |c| c.run_limit_seconds = 2_592_000);
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
    fn the_defaults_of_the_help_text_are_those_of_the_server() {
        let given = OPTIONS.iter().filter(|option| !["", "half the machine's"].contains(&option.default));
        let arguments: Vec<_> = given.flat_map(|option| [option.long, option.default]).collect();
        assert_eq!(arguments.len(), if cfg!(feature = "http") { 26 } else { 24 }, "{arguments:?}");
        match parse(Parser::from_args(arguments)) {
            Ok(Request::Serve(given)) => assert_eq!(*given, serving("")),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn sizes_take_k_m_and_g_of_either_case() {
        for (text, bytes) in [("2048K", 2 << 20), ("3m", 3 << 20), ("1048577", 1_048_577)] {
            check(&format!("--max-memory {text}"), |c| c.memory_bytes_max = Some(bytes));
        }
        for wrong in
            ["", "K", "1KB", "1T", "-1", "+1M", "1.5M", "1 M", "0x10", "99999999999999999999", "18446744073709551615G"]
        {
            let words = ["--max-memory", wrong];
            let text = parse(Parser::from_args(words)).unwrap_err().to_string();
            assert!(
                text.ends_with(
                    "for '--max-memory': expected a number of bytes, or of K, M or G, from 1M to 1048576G; try \
                     'deputy-server --help'"
                ),
                "{text}"
            );
            assert!(text.starts_with(&format!("invalid value '{wrong}' ")), "{text}");
        }
    }

    #[test]
    fn every_wrong_option_is_named_with_what_is_right() {
        refuse("--hots x", "unrecognized option '--hots'");
        refuse("-x", "unrecognized option '-x'");
        refuse("jobs", "unexpected argument 'jobs'");
        refuse("-v jobs", "unexpected argument 'jobs'");
        refuse("-- -v", "unexpected argument '-v'");
        refuse("-", "unexpected argument '-'");
        for flag in ["--pin", "--no-tcp", "--verbose", "--help", "--version"] {
            refuse(&format!("{flag}=yes"), &format!("option '{flag}' takes no value"));
        }
        refuse("-v=yes", "option '-v' takes no value");
        refuse("-s a --sock b", "option '--sock' was given twice");
        refuse("--no-tcp", "--no-tcp leaves nothing to listen on without --sock PATH");
        refuse("--host=", "invalid value '' for '--host': expected an IP address or a host name");
        refuse("--sock=", "invalid value '' for '--sock': expected the path of a UNIX socket");
        refuse("--log loud", "invalid value 'loud' for '--log': expected one of off, error, warn, info, debug");
        refuse("--log INFO", "invalid value 'INFO' for '--log': expected one of off, error, warn, info, debug");
        refuse("--log-format xml", "invalid value 'xml' for '--log-format': expected one of text, json");
        refuse("-p --help", "invalid value '--help' for '--port': expected a whole number from 0 to 65535 (0 = ");
        for option in OPTIONS {
            if option.value != ValueKind::Flag {
                let name = if option.long == "--host" { "-h, --host" } else { option.long };
                refuse(option.long, &format!("option '{name}' requires a value: {}", expected(option)));
            }
        }
        refuse("-h", "option '-h, --host' requires a value: an IP address or a host name (for help, use --help)");
    }

    #[test]
    fn the_log_format_is_known_whatever_else_is_wrong() {
        for (line, format) in [
            ("", LogFormat::Text),
            ("--log-format json", LogFormat::Json),
            ("--nonsense --log-format=json -p", LogFormat::Json),
            ("--log-format json --log-format=text", LogFormat::Text),
            ("--log-format json --log-format xml", LogFormat::Json),
            ("--log-format", LogFormat::Text),
            ("json", LogFormat::Text),
        ] {
            assert_eq!(log_format(line.split_whitespace().map(OsString::from)), format, "{line}");
        }
    }

    #[test]
    fn every_number_is_refused_past_its_edges() {
        for (option, past) in [
            ("--port", ["65536", "-1"]),
            ("--threads", ["1025", "two"]),
            ("--max-line", ["63", "1073741825"]),
            ("--max-attempts", ["4294967296", "1K"]),
            ("--run-limit", ["2592001", "1m"]),
            ("--max-memory", ["0", "1048575"]),
            ("--max-unsent", ["1048577G", "x"]),
            ("--stall-timeout", ["86401", "1.5"]),
            ("--drain-timeout", ["86401", "10s"]),
        ] {
            for value in past {
                let text = parse(Parser::from_args([option, value])).unwrap_err().to_string();
                assert!(text.starts_with(&format!("invalid value '{value}' for '{option}': expected ")), "{text}");
            }
        }
    }

    #[test]
    fn keepalive_takes_three_numbers_in_range() {
        for wrong in [
            "", "30", "30,10", "30,10,3,1", "0,10,3", "30,0,3", "30,10,0", "32768,10,3", "30,32768,3", "30,10,128",
            "30,,3", "30,10,-3", "30,10,x", "30,10,99999999999",
        ] {
            let text = parse(Parser::from_args(["--keepalive", wrong])).unwrap_err().to_string();
            assert!(text.contains(" for '--keepalive': expected IDLE,INTERVAL,COUNT: "), "{text}");
            assert!(text.starts_with(&format!("invalid value '{wrong}' ")), "{text}");
        }
    }

    #[cfg(feature = "http")]
    #[test]
    fn http_takes_addresses_and_a_number_of_types() {
        let addresses = |line: &str| serving(line).http.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(addresses(""), [""; 0]);
        assert_eq!(addresses("--http 127.0.0.1:0"), ["127.0.0.1:0"]);
        assert_eq!(addresses("--http [::1]:80 --http=unix:a.sock --http a:1"), ["[::1]:80", "unix:a.sock", "a:1"]);
        assert_eq!(serving("--http-types 0").http_types, 0);
        assert_eq!(serving("--http-types 4096").http_types, 4_096);
        for wrong in ["8080", ":8080", "::1:80", "a:65536", "unix:", "http://a:1"] {
            let start = format!("invalid value '{wrong}' for '--http': expected HOST:PORT, [IPv6]:PORT or unix:PATH");
            refuse(&format!("--http {wrong}"), &start);
        }
        refuse("--http-types 4097", "invalid value '4097' for '--http-types': expected a whole number from 0 to 4096");
    }

    #[test]
    fn help_and_version_need_nothing_else_to_be_right() {
        assert!(matches!(parse_line("--help --nonsense"), Ok(Request::Help)));
        assert!(matches!(parse_line("-V"), Ok(Request::Version)));
        assert!(matches!(parse_line("--no-tcp --version"), Ok(Request::Version)));
        refuse("--nonsense --help", "unrecognized option '--nonsense'");
    }

    #[cfg(unix)]
    #[test]
    fn words_that_are_no_text_are_taken_as_paths_only() {
        use std::os::unix::ffi::OsStringExt;

        let word = || OsString::from_vec(b"a\xff".to_vec());
        let sock = match parse(Parser::from_args([OsString::from("-s"), word()])) {
            Ok(Request::Serve(serving)) => serving.config.sock,
            other => panic!("{other:?}"),
        };
        assert_eq!(sock.as_deref(), Some(Path::new(&word())));
        for option in ["--host", "--port", "--log", "--keepalive", "--max-line"] {
            let text = parse(Parser::from_args([option.into(), word()])).unwrap_err().to_string();
            assert!(text.starts_with("invalid value 'a\u{fffd}' for '"), "{text}");
        }
    }
}
