//! Where the HTTP server listens: the values of `--http`, and the sockets.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::server::{Address, Listener, Listeners, Log, StartError};

/// What an HTTP address may be, in words.
pub const HTTP_EXPECTED: &str = "HOST:PORT, [IPv6]:PORT or unix:PATH";

/// An address for the HTTP server.
///
/// ```
/// use deputy::monitor::HttpAddress;
///
/// assert!("127.0.0.1:8080".parse::<HttpAddress>().is_ok());
/// assert!("8080".parse::<HttpAddress>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpAddress {
    /// A TCP port.
    Tcp {
        /// An IP address or a name, without brackets. The server listens on each address of a name.
        host: String,
        /// The port; 0 picks a free one.
        port: u16,
    },
    /// The path of a UNIX socket.
    Unix(PathBuf),
}

/// A text is no HTTP address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpAddressError {
    text: String,
}

impl fmt::Display for HttpAddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no address for HTTP: expected {HTTP_EXPECTED}", self.text)
    }
}

impl std::error::Error for HttpAddressError {}

impl FromStr for HttpAddress {
    type Err = HttpAddressError;

    fn from_str(text: &str) -> Result<Self, HttpAddressError> {
        let parsed = match text.strip_prefix("unix:") {
            Some(path) if path.is_empty() || path.contains('\0') => None,
            Some(path) => Some(Self::Unix(path.into())),
            None => tcp(text),
        };
        parsed.ok_or_else(|| HttpAddressError { text: text.to_owned() })
    }
}

fn tcp(text: &str) -> Option<HttpAddress> {
    let (host, port) = text.rsplit_once(':')?;
    let bracketed = host.strip_prefix('[').map(|rest| rest.strip_suffix(']'));
    let host = match bracketed {
        Some(ipv6) => ipv6.filter(|ipv6| ipv6.contains(':'))?,
        None => host,
    };
    let is_name_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let is_host = match bracketed {
        Some(_) => host.bytes().all(|byte| is_name_byte(byte) || b":%".contains(&byte)),
        None => host.bytes().all(is_name_byte),
    };
    // A sign is no part of a port.
    let port = port.bytes().all(|byte| byte.is_ascii_digit()).then(|| port.parse().ok())??;
    (is_host && !host.is_empty()).then(|| HttpAddress::Tcp { host: host.to_owned(), port })
}

/// Formats `127.0.0.1:8080`, `[::1]:8080` or `unix:/run/deputy-http.sock`.
impl fmt::Display for HttpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Sockets that listen for HTTP. What connects waits until a [`Monitor`](crate::monitor::Monitor) serves it.
pub struct HttpListeners {
    listeners: Listeners,
    /// The names that were given as hosts.
    names: Vec<String>,
}

impl HttpListeners {
    /// Listens on each address.
    ///
    /// # Errors
    /// If the system refuses one. Nothing is left then.
    pub fn bind(addresses: &[HttpAddress]) -> Result<Self, StartError> {
        let mut all = Self { listeners: Listeners::default(), names: Vec::new() };
        for address in addresses {
            match address {
                HttpAddress::Tcp { host, port } => {
                    all.listeners.add_tcp(std::slice::from_ref(host), *port)?;
                    all.names.push(host.to_ascii_lowercase());
                }
                HttpAddress::Unix(path) => all.listeners.add_unix(path)?,
            }
        }
        Ok(all)
    }

    /// Returns the addresses, with the real ports.
    pub fn addresses(&self) -> Vec<Address> {
        self.listeners.addresses()
    }

    /// Warns of addresses that cannot be used, and of addresses that other machines can reach.
    pub(in crate::monitor) fn log_warnings(&self, log: &Log) {
        self.listeners.log_http_warnings(log);
    }

    /// Returns the sockets, and the names by which browsers may ask a loopback address.
    pub(super) fn into_parts(self) -> (Vec<Listener>, Vec<String>) {
        (self.listeners.into_inner(), self.names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_shown() {
        for text in
            ["127.0.0.1:0", "localhost:9100", "[::1]:65535", "[fe80::1%eth0]:80", "a-b_c.d:1", "unix:/run/a", "unix:a"]
        {
            assert_eq!(text.parse::<HttpAddress>().unwrap().to_string(), text);
        }
        for wrong in [
            "",
            ":",
            "8080",
            ":8080",
            "127.0.0.1",
            "127.0.0.1:",
            "127.0.0.1:65536",
            "127.0.0.1:+1",
            "127.0.0.1:-1",
            "::1:80",
            "[::1]",
            "[::1:80",
            "[]:80",
            "[a]:80",
            "http://a:80",
            "a:80/",
            "a b:80",
            "a@b:80",
            "unix:",
            "unix:a\0b",
            "ä:80",
        ] {
            let error = wrong.parse::<HttpAddress>().unwrap_err().to_string();
            assert!(error.contains(HTTP_EXPECTED), "{error}");
        }
    }

    #[test]
    fn an_address_in_use_is_named_and_nothing_is_left() {
        let first = HttpListeners::bind(&["127.0.0.1:0".parse().unwrap()]).unwrap();
        let taken = first.addresses()[0].to_string();
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("s");
        let error = HttpListeners::bind(&[HttpAddress::Unix(path.clone()), taken.parse().unwrap()]).err().unwrap();
        assert_eq!(error.exit_code(), 1);
        let text = error.to_string();
        assert!(
            text.starts_with(&format!("cannot listen on {taken}: ")) && text.contains("choose another port"),
            "{text}"
        );
        assert!(!path.exists());
    }
}
