//! Where a server is: `tcp://host:port`, `host:port` or `unix:/path`.

use std::fmt;
use std::net::Ipv6Addr;
use std::path::PathBuf;
use std::str::FromStr;

use crate::limits::PORT_DEFAULT;

/// The variable that names the server for programs that are not told otherwise.
pub const URL_VARIABLE: &str = "DEPUTY_URL";

/// The server's address. Parsed from text, and shown as text that parses to the same.
///
/// ```
/// use deputy::client::Url;
///
/// for (text, shown) in [
///     ("tcp://127.0.0.1:11746", "tcp://127.0.0.1:11746"),
///     ("jobs.example", "tcp://jobs.example:11746"),
///     ("[::1]:4000", "tcp://[::1]:4000"),
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
        /// A name or an IP address, without brackets.
        host: String,
        /// The port.
        port: u16,
    },
    /// The path of a UNIX socket.
    Unix(PathBuf),
}

/// Why a text names no server. Its text names the text, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlError {
    text: String,
    reason: &'static str,
}

impl Url {
    /// The server that the variable `DEPUTY_URL` names, or else `tcp://127.0.0.1:11746`.
    ///
    /// # Errors
    /// If the variable is set to something that is no URL.
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

/// `tcp://127.0.0.1:11746`, where a server listens that is not told otherwise.
impl Default for Url {
    fn default() -> Self {
        Self::Tcp { host: "127.0.0.1".to_owned(), port: PORT_DEFAULT }
    }
}

impl FromStr for Url {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let parsed = match (text.strip_prefix("unix:"), text.split_once("://")) {
            (Some(path), _) => unix(path.strip_prefix("//").unwrap_or(path)),
            (None, Some(("tcp", rest))) => tcp(rest),
            (None, Some(_)) => Err("the scheme is not known"),
            (None, None) => tcp(text),
        };
        parsed.map_err(|reason| UrlError { text: text.to_owned(), reason })
    }
}

fn unix(path: &str) -> Result<Url, &'static str> {
    match path {
        "" => Err("the path is missing"),
        path if path.contains('\0') => Err("a path holds no NUL"),
        path => Ok(Url::Unix(path.into())),
    }
}

fn tcp(text: &str) -> Result<Url, &'static str> {
    let text = text.strip_suffix('/').unwrap_or(text);
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, port) = rest.split_once(']').ok_or("the closing bracket is missing")?;
        host.parse::<Ipv6Addr>().map_err(|_| "what stands in brackets is no IPv6 address")?;
        let port = if port.is_empty() { None } else { Some(port.strip_prefix(':').ok_or("a port follows a colon")?) };
        (host, port)
    } else {
        match text.split_once(':') {
            Some((_, port)) if port.contains(':') => {
                return Err("an IPv6 address stands in brackets, as in [::1]:11746");
            }
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        }
    };
    let is_name = |c: char| !c.is_whitespace() && !c.is_control() && !"/?#@[]".contains(c);
    match host {
        "" => return Err("the host is missing"),
        host if !host.chars().all(is_name) => return Err("the host is no name and no address"),
        _ => {}
    }
    let is_number = |port: &&str| port.bytes().all(|byte| byte.is_ascii_digit());
    let port = match port {
        None => PORT_DEFAULT,
        Some(port) => Some(port)
            .filter(is_number)
            .and_then(|port| port.parse().ok())
            .filter(|&port| port != 0)
            .ok_or("a port is a number from 1 to 65535")?,
    };
    Ok(Url::Tcp { host: host.to_owned(), port })
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
        write!(f, "{:?} names no server: {}; write tcp://HOST:PORT, HOST:PORT or unix:/PATH", self.text, self.reason)
    }
}

impl std::error::Error for UrlError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_a_server() {
        for (text, shown) in [
            ("tcp://127.0.0.1:1", "tcp://127.0.0.1:1"),
            ("127.0.0.1:65535", "tcp://127.0.0.1:65535"),
            ("tcp://127.0.0.1", "tcp://127.0.0.1:11746"),
            ("tcp://jobs.example/", "tcp://jobs.example:11746"),
            ("localhost", "tcp://localhost:11746"),
            ("[::1]", "tcp://[::1]:11746"),
            ("tcp://[fe80::1]:7", "tcp://[fe80::1]:7"),
            ("unix:/run/deputy.sock", "unix:/run/deputy.sock"),
            ("unix:///run/deputy.sock", "unix:/run/deputy.sock"),
            ("unix:deputy.sock", "unix:deputy.sock"),
            ("unix:/odd path:with://all", "unix:/odd path:with://all"),
        ] {
            let url: Url = text.parse().unwrap();
            assert_eq!(url.to_string(), shown);
            assert_eq!(shown.parse::<Url>().unwrap(), url);
        }
    }

    #[test]
    fn what_names_none_is_told_with_the_reason() {
        for (text, reason) in [
            ("", "the host is missing"),
            ("tcp://", "the host is missing"),
            (":11746", "the host is missing"),
            ("http://127.0.0.1", "the scheme is not known"),
            ("tcp:127.0.0.1:1", "an IPv6 address stands in brackets"),
            ("::1", "an IPv6 address stands in brackets"),
            ("[::1", "the closing bracket is missing"),
            ("[::1]7", "a port follows a colon"),
            ("[localhost]:7", "no IPv6 address"),
            ("host:", "a port is a number"),
            ("host:0", "a port is a number"),
            ("host:65536", "a port is a number"),
            ("host:+1", "a port is a number"),
            ("host/path:1", "the host is no name"),
            ("user@host", "the host is no name"),
            ("a host", "the host is no name"),
            ("/run/deputy.sock", "the host is no name"),
            ("unix:", "the path is missing"),
            ("unix:/a\0b", "NUL"),
        ] {
            let told = text.parse::<Url>().unwrap_err().to_string();
            assert!(told.contains(reason) && told.contains("unix:/PATH"), "{text:?}: {told}");
            assert_eq!(told.lines().count(), 1);
        }
    }
}
