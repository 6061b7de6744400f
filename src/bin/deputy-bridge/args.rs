//! Reads the command line, and makes the plan of what to run.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_nats::rustls::pki_types::pem::{self, PemObject};
use async_nats::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use async_nats::{ConnectOptions, ServerAddr};
use deputy::client::{Url, UrlError};
use deputy::limits::TYPE_BYTES_MAX;
use deputy::monitor::HttpAddress;
use deputy::server::Level;
use lexopt::Parser;

use crate::cli::Opt;
use crate::cli::parse::{Args, UsageError, parse as parse_arguments};
use crate::cli::program::LOG;
use crate::names::{self, Patterns};
use crate::options::{
    ACK_WAIT, CREDS, HELP, HTTP, NATS, NODE, OPTIONS, REPLICAS, SERVER, TLS, TLS_CA, TLS_CERT, TLS_KEY, TYPES, VERSION,
    expected,
};

/// What the command line asks for.
#[derive(Debug)]
pub(crate) enum Request {
    Help,
    Version,
    Run(Box<Running>),
}

/// What to run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Running {
    pub(crate) server: Url,
    pub(crate) nats: Vec<String>,
    pub(crate) node: String,
    pub(crate) patterns: Patterns,
    pub(crate) replicas: u64,
    pub(crate) ack_wait: Duration,
    pub(crate) access: Access,
    pub(crate) http: Vec<HttpAddress>,
    pub(crate) log: Level,
}

/// How NATS is reached.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Access {
    user: Option<User>,
    creds: Option<PathBuf>,
    tls: bool,
    ca: Option<PathBuf>,
    /// The client certificate and its key.
    own: Option<(PathBuf, PathBuf)>,
}

/// Who the bridge is to NATS, by its URL.
#[derive(Debug, PartialEq, Eq)]
enum User {
    Token(String),
    Password(String, String),
}

/// What is wrong with the command line. The text is one line that names the option and says what it accepts.
#[derive(Debug)]
pub(crate) enum ArgsError {
    Usage(UsageError),
    Url(UrlError),
    MissingNode,
    CertWithoutKey,
}

impl From<UsageError> for ArgsError {
    fn from(error: UsageError) -> Self {
        Self::Usage(error)
    }
}

/// Reads the whole command line. The first error, `--help` or `--version` ends the reading.
pub(crate) fn parse(mut arguments: Parser) -> Result<Request, ArgsError> {
    let (options, ending) = OPTIONS.split_at(OPTIONS.len() - 2);
    let args = parse_arguments(&mut arguments, options, ending, &[])?;
    if args.is_ended_by(&HELP) {
        return Ok(Request::Help);
    }
    if args.is_ended_by(&VERSION) {
        return Ok(Request::Version);
    }
    let nats = nats(&args)?;
    let server = args.text(&SERVER).map_or_else(Url::from_env, str::parse).map_err(ArgsError::Url)?;
    let node = args.text(&NODE).ok_or(ArgsError::MissingNode)?;
    if !names::is_node(node) {
        return Err(invalid(&NODE, node).into());
    }
    Ok(Request::Run(Box::new(Running {
        server,
        access: access(&args, &nats)?,
        nats,
        node: node.to_owned(),
        patterns: patterns(&args)?,
        replicas: if args.text(&REPLICAS) == Some("3") { 3 } else { 1 },
        ack_wait: Duration::from_secs(args.uint(&ACK_WAIT).unwrap_or(15)),
        http: http(&args)?,
        log: args.text(&LOG).and_then(Level::from_name).unwrap_or(Level::Info),
    })))
}

/// Returns the URLs of NATS.
fn nats(args: &Args) -> Result<Vec<String>, UsageError> {
    let text = args.text(&NATS).unwrap_or(NATS.default);
    let urls: Vec<String> = text.split(',').map(|url| url.trim().to_owned()).collect();
    let is_url = |url: &String| !url.is_empty() && url.parse::<ServerAddr>().is_ok();
    if urls.iter().all(is_url) {
        return Ok(urls);
    }
    let expected = "nats://HOST:PORT or tls://HOST:PORT, several with commas between them";
    Err(UsageError::invalid_value(&NATS, text, expected))
}

/// Returns the user in a URL: `USER:PASSWORD@` or `TOKEN@`. The NATS client ignores this part.
fn user(url: &str) -> Option<User> {
    let address: ServerAddr = url.parse().ok()?;
    let name = percent_decoded(address.username()?)?;
    Some(match address.password() {
        Some(password) => User::Password(name, percent_decoded(password)?),
        None => User::Token(name),
    })
}

/// Decodes the percent signs of a part of a URL.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((plain, escaped)) = rest.split_once('%') {
        bytes.extend_from_slice(plain.as_bytes());
        bytes.push(u8::from_str_radix(escaped.get(..2)?, 16).ok()?);
        rest = &escaped[2..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).ok()
}

fn patterns(args: &Args) -> Result<Patterns, UsageError> {
    let texts = args.texts(&TYPES);
    for text in &texts {
        if !(1..=TYPE_BYTES_MAX).contains(&text.len()) {
            let expected = format!("1 to {TYPE_BYTES_MAX} bytes");
            return Err(UsageError::invalid_value(&TYPES, text, expected));
        }
    }
    Ok(Patterns::new(texts.into_iter().map(str::to_owned)))
}

fn access(args: &Args, nats: &[String]) -> Result<Access, ArgsError> {
    let path = |option: &Opt| args.path(option).map(PathBuf::from);
    let own = match (path(&TLS_CERT), path(&TLS_KEY)) {
        (Some(cert), Some(key)) => Some((cert, key)),
        (None, None) => None,
        _ => return Err(ArgsError::CertWithoutKey),
    };
    let ca = path(&TLS_CA);
    Ok(Access {
        user: nats.iter().find_map(|url| user(url)),
        creds: path(&CREDS),
        tls: args.has(&TLS) || ca.is_some() || own.is_some(),
        ca,
        own,
    })
}

/// Returns the addresses for HTTP.
fn http(args: &Args) -> Result<Vec<HttpAddress>, UsageError> {
    let parse = |text: &str| text.parse().map_err(|_| invalid(&HTTP, text));
    args.texts(&HTTP).into_iter().map(parse).collect()
}

fn invalid(option: &Opt, value: &str) -> UsageError {
    UsageError::invalid_value(option, value, expected(option))
}

impl Access {
    /// Returns the options of the connection.
    ///
    /// # Errors
    /// A message if a file cannot be read or lacks its content. The NATS client reports this only for credentials.
    pub(crate) async fn options(&self) -> Result<ConnectOptions, String> {
        for (option, path) in
            self.ca.iter().map(|path| (&TLS_CA, path)).chain(self.own.iter().map(|own| (&TLS_CERT, &own.0)))
        {
            let found = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
            has_pem(option, path, "certificate", found.map(|certificates| certificates.len()))?;
        }
        if let Some((_, path)) = &self.own {
            has_pem(&TLS_KEY, path, "private key", PrivateKeyDer::from_pem_file(path).map(|_| 1))?;
        }
        let mut options = ConnectOptions::new();
        options = match &self.user {
            Some(User::Token(token)) => options.token(token.clone()),
            Some(User::Password(user, password)) => options.user_and_password(user.clone(), password.clone()),
            None => options,
        };
        if let Some(path) = &self.creds {
            let failed = |error| format!("cannot read the credentials {} (--creds): {error}", path.display());
            options = options.credentials_file(path).await.map_err(failed)?;
        }
        if self.tls {
            options = options.require_tls(true);
        }
        if let Some(path) = &self.ca {
            options = options.add_root_certificates(path.clone());
        }
        if let Some((cert, key)) = &self.own {
            options = options.add_client_certificate(cert.clone(), key.clone());
        }
        Ok(options)
    }
}

/// Checks that a PEM file has the content that its option requires.
fn has_pem(option: &Opt, path: &Path, what: &str, found: Result<usize, pem::Error>) -> Result<(), String> {
    let why = match found {
        Ok(1..) => return Ok(()),
        Ok(0) | Err(pem::Error::NoItemsFound) => format!("the file has no {what} in PEM format"),
        Err(error) => error.to_string(),
    };
    Err(format!("cannot use the {what} {} ({}): {why}", path.display(), option.long))
}

impl fmt::Display for ArgsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(error) => error.fmt(f),
            Self::Url(error) => write!(f, "--server: {error}"),
            Self::MissingNode => write!(f, "missing option: --node NAME ({})", names::NODE_EXPECTED),
            Self::CertWithoutKey => f.write_str("--tls-cert and --tls-key must be given together"),
        }?;
        f.write_str("; try 'deputy-bridge --help'")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_line(line: &str) -> Result<Request, ArgsError> {
        parse(Parser::from_args(line.split_whitespace()))
    }

    #[track_caller]
    fn running(line: &str) -> Running {
        match parse_line(line) {
            Ok(Request::Run(running)) => *running,
            other => panic!("{line:?} gives {other:?}"),
        }
    }

    #[test]
    fn a_name_is_enough() {
        let expected = Running {
            server: "10.0.0.1".parse().unwrap(),
            nats: vec!["nats://127.0.0.1:4222".to_owned()],
            node: "a".to_owned(),
            patterns: Patterns::default(),
            replicas: 1,
            ack_wait: Duration::from_secs(15),
            access: Access::default(),
            http: Vec::new(),
            log: Level::Info,
        };
        assert_eq!(running("--node a --server 10.0.0.1"), expected);
    }

    #[test]
    fn each_option_has_its_effect() {
        let line = "--node a --server unix:/s --nats nats://b:1,tls://c --types x --types y.* --replicas 3 --ack-wait 2 \
                    --creds f --tls-ca ca --tls-cert cert --tls-key key --http 127.0.0.1:9 --log debug";
        let running = running(line);
        assert_eq!(running.nats, ["nats://b:1", "tls://c"]);
        assert_eq!(running.patterns, Patterns::new(["x".to_owned(), "y.*".to_owned()]));
        assert_eq!((running.replicas, running.ack_wait.as_secs(), running.log), (3, 2, Level::Debug));
        assert_eq!(running.http, ["127.0.0.1:9".parse().unwrap()]);
        let access = Access {
            user: None,
            creds: Some("f".into()),
            tls: true,
            ca: Some("ca".into()),
            own: Some(("cert".into(), "key".into())),
        };
        assert_eq!(running.access, access);
    }

    #[test]
    fn a_url_may_say_who_the_bridge_is() {
        for (url, expected) in [
            ("nats://h", None),
            ("nats://secret@h", Some(User::Token("secret".to_owned()))),
            ("nats://me:p%40ss%2f@h", Some(User::Password("me".to_owned(), "p@ss/".to_owned()))),
        ] {
            assert_eq!(running(&format!("--node a --nats nats://first,{url}")).access.user, expected, "{url}");
        }
        assert_eq!(percent_decoded("a%2"), None);
        assert_eq!(percent_decoded("%ff"), None);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (line, part) in [
            ("", "missing option: --node NAME"),
            ("--node a.b", "invalid value 'a.b' for '--node': expected 1 to 64"),
            ("--node a --nats ,", "invalid value ',' for '--nats'"),
            ("--node a --nats http://x", "invalid value 'http://x' for '--nats'"),
            ("--node a --replicas 2", "expected one of 1, 3"),
            ("--node a --ack-wait 0", "expected whole seconds from 1 to 3600"),
            ("--node a --server http://x", "--server: "),
            ("--node a --tls-cert c", "--tls-cert and --tls-key must be given together"),
            ("--node a --http nowhere", "invalid value 'nowhere' for '--http'"),
            ("--node a --frob", "unrecognized option '--frob'"),
            ("--node a b", "unexpected argument 'b'"),
        ] {
            let error = parse_line(line).unwrap_err().to_string();
            assert!(error.contains(part) && error.ends_with("; try 'deputy-bridge --help'"), "{line:?}: {error}");
        }
        assert!(matches!(parse_line("--help --frob"), Ok(Request::Help)));
        assert!(matches!(parse_line("-V"), Ok(Request::Version)));
    }
}
