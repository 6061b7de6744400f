//! Parses the address of a server: `tcp://host:port`, `host:port` or `unix:/path`. The rules are those of
//! docs/protocol.md, section `DEPUTY_URL`; the tests check its table (tests/corpus/urls.txt).

use std::fmt;
use std::net::Ipv6Addr;
use std::path::PathBuf;
use std::str::FromStr;

use crate::limits::PORT_DEFAULT;

/// The environment variable that names the server.
pub const URL_VARIABLE: &str = "DEPUTY_URL";

/// The address of a server. It is parsed from text, and its text parses to the same address.
///
/// ```
/// use deputy::client::Url;
///
/// for (text, shown) in [
///     ("tcp://127.0.0.1:11746", "tcp://127.0.0.1:11746"),
///     ("jobs.example", "tcp://jobs.example:11746"),
///     ("[::1]:4000", "tcp://[::1]:4000"),
///     ("[fe80::1%eth0]", "tcp://[fe80::1%eth0]:11746"),
///     ("unix:/run/deputy.sock", "unix:/run/deputy.sock"),
/// ] {
///     assert_eq!(text.parse::<Url>()?.to_string(), shown);
/// }
/// assert!("http://127.0.0.1".parse::<Url>().is_err());
/// # Ok::<(), deputy::client::UrlError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Url {
    /// A TCP port.
    Tcp {
        /// A name or an IP address, without brackets. An IPv6 address may end with `%` and a scope id.
        host: String,
        /// The port.
        port: u16,
    },
    /// The path of a UNIX socket.
    Unix(PathBuf),
}

/// Why a text is not the address of a server. It shows the text, the fault and the forms that are accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlError {
    text: String,
    reason: &'static str,
}

impl Url {
    /// Returns the server that the variable `DEPUTY_URL` names. If it is absent or empty: `tcp://127.0.0.1:11746`.
    ///
    /// # Errors
    /// If the value is not an address.
    pub fn from_env() -> Result<Self, UrlError> {
        match std::env::var(URL_VARIABLE) {
            Ok(text) => text.parse(),
            Err(std::env::VarError::NotPresent) => Ok(Self::default()),
            Err(std::env::VarError::NotUnicode(text)) => {
                Err(UrlError { text: text.to_string_lossy().into_owned(), reason: "it is not UTF-8" })
            }
        }
    }
}

/// `tcp://127.0.0.1:11746`, where a server listens by default.
impl Default for Url {
    fn default() -> Self {
        Self::Tcp { host: "127.0.0.1".to_owned(), port: PORT_DEFAULT }
    }
}

impl FromStr for Url {
    type Err = UrlError;

    /// Parses an address. Space around it is ignored, and an empty text is the default.
    fn from_str(text: &str) -> Result<Self, UrlError> {
        let trimmed = text.trim_matches([' ', '\t', '\r', '\n']);
        let parsed = match (trimmed.strip_prefix("unix:"), trimmed.split_once("://")) {
            (Some(path), _) => unix(path),
            (None, Some(("tcp", rest))) => tcp(rest),
            (None, Some(_)) => Err("the scheme is not tcp or unix"),
            (None, None) if trimmed.is_empty() => Ok(Self::default()),
            (None, None) => tcp(trimmed),
        };
        parsed.map_err(|reason| UrlError { text: text.to_owned(), reason })
    }
}

fn unix(path: &str) -> Result<Url, &'static str> {
    let (path, has_slashes) = path.strip_prefix("//").map_or((path, false), |path| (path, true));
    let path_in_folder = path.strip_prefix('/').unwrap_or(path);
    match path_in_folder {
        "" => Err("the path is missing"),
        _ if has_slashes && !path.starts_with('/') => Err("an absolute path follows unix://"),
        _ if path_in_folder.starts_with('/') => Err("the path begins with more than one slash"),
        _ if path.contains('\0') => Err("a path contains no NUL"),
        _ => Ok(Url::Unix(path.into())),
    }
}

fn tcp(text: &str) -> Result<Url, &'static str> {
    let text = text.strip_suffix('/').unwrap_or(text);
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, port) = rest.split_once(']').ok_or("the closing bracket is missing")?;
        check_ipv6(host)?;
        let port = if port.is_empty() { None } else { Some(port.strip_prefix(':').ok_or("a port follows a colon")?) };
        (host, port)
    } else {
        let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
        if port.is_some_and(|port| port.contains(':')) {
            return Err("an IPv6 address needs brackets, as in [::1]:11746");
        }
        check_name(host)?;
        (host, port)
    };
    let port = port.map_or(Ok(PORT_DEFAULT), parse_port)?;
    Ok(Url::Tcp { host: host.to_owned(), port })
}

fn check_ipv6(host: &str) -> Result<(), &'static str> {
    let (address, scope) = host.split_once('%').map_or((host, None), |(address, scope)| (address, Some(scope)));
    address.parse::<Ipv6Addr>().map_err(|_| "the brackets do not contain an IPv6 address")?;
    match scope {
        Some(scope) if scope.is_empty() || !scope.bytes().all(is_name_byte) => {
            Err("the scope id is not a number or name")
        }
        _ => Ok(()),
    }
}

fn check_name(host: &str) -> Result<(), &'static str> {
    match host.as_bytes() {
        [] => Err("the host is missing"),
        bytes if bytes.contains(&b'@') => Err("a user name is not supported"),
        bytes if bytes.contains(&b'/') => Err("a path needs unix: before it, and a port has no path after it"),
        bytes if bytes.iter().all(u8::is_ascii_digit) => Err("the host is a number: a port follows a host and a colon"),
        [b'.' | b'-', ..] => Err("the host begins with a dot or a hyphen"),
        bytes if !bytes.iter().copied().all(is_name_byte) => {
            Err("a host has only ASCII letters, digits, dots, hyphens and underscores")
        }
        _ => Ok(()),
    }
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._-".contains(&byte)
}

/// A leading zero is refused, because some programs read such a number as octal.
fn parse_port(text: &str) -> Result<u16, &'static str> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    let port = if is_number { text.parse().ok() } else { None };
    port.ok_or("a port is a number from 1 to 65535, without leading zeros")
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "tcp://[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "tcp://{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { text, reason } = self;
        write!(f, "{text:?} is not a server's address: {reason}; write tcp://HOST:PORT, HOST:PORT or unix:/PATH")
    }
}

impl std::error::Error for UrlError {}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of all clients.
    const TABLE: &str = include_str!("../../tests/corpus/urls.txt");

    /// The URL in the form of the table.
    fn result(text: &str) -> String {
        match text.parse() {
            Ok(Url::Tcp { host, port }) => format!("tcp {host} {port}"),
            Ok(Url::Unix(path)) => format!("unix {}", path.to_str().unwrap()),
            Err(_) => "error".to_owned(),
        }
    }

    #[test]
    fn every_row_of_the_table_is_parsed_so() {
        let rows: Vec<_> = TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
        assert!(rows.len() > 150, "{} rows", rows.len());
        for row in rows {
            let (value, expected) = row.split_once(" -> ").unwrap();
            let value: String = serde_json::from_str(value).unwrap();
            assert_eq!(result(&value), expected, "{row}");
            match value.parse::<Url>() {
                Ok(url) => assert_eq!(url.to_string().parse::<Url>(), Ok(url), "{row}"),
                Err(error) => {
                    let text = error.to_string();
                    assert!(text.starts_with(&format!("{value:?} is not")) && text.lines().count() == 1, "{text}");
                }
            }
        }
    }

    #[test]
    fn an_error_says_what_is_wrong() {
        for (text, reason) in [
            ("tcp://", "the host is missing"),
            (":11746", "the host is missing"),
            ("11746", "the host is a number"),
            ("http://127.0.0.1", "the scheme is not tcp or unix"),
            ("tcp:127.0.0.1:1", "an IPv6 address needs brackets"),
            ("::1", "an IPv6 address needs brackets"),
            ("[::1", "the closing bracket is missing"),
            ("[::1]7", "a port follows a colon"),
            ("[localhost]:7", "do not contain an IPv6 address"),
            ("[fe80::1%]:7", "the scope id"),
            ("host:", "a port is a number"),
            ("host/path:1", "a path needs unix:"),
            ("/run/deputy.sock", "a path needs unix:"),
            ("user@host", "a user name"),
            ("-h", "begins with a dot or a hyphen"),
            ("a host", "a host has only"),
            ("unix:", "the path is missing"),
            ("unix://run/deputy.sock", "an absolute path"),
            ("unix:////run", "more than one slash"),
            ("unix:/a\0b", "NUL"),
        ] {
            let error = text.parse::<Url>().unwrap_err().to_string();
            assert!(error.contains(reason) && error.contains("unix:/PATH"), "{text:?}: {error}");
        }
    }
}
