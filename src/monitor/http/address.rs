//! Where the HTTP server listens: the values of `--http`, and the sockets.

use std::fmt;
use std::io::ErrorKind;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use crate::limits::HTTP_BACKLOG;
use crate::server::{Address, Listener, Listeners, Log, StartError};

/// The accepted forms of an HTTP address, for error texts.
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

/// The error for a text that is no HTTP address.
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

/// Sockets that listen for HTTP. Connections wait until a [`Monitor`](crate::monitor::Monitor) serves them.
pub struct HttpListeners {
    listeners: Listeners,
    /// The host names among the addresses.
    names: Vec<String>,
}

impl HttpListeners {
    /// Listens on each address.
    ///
    /// # Errors
    /// If the system refuses an address. Then no socket stays open.
    pub fn bind(addresses: &[HttpAddress]) -> Result<Self, StartError> {
        let mut all = Self { listeners: Listeners::new(HTTP_BACKLOG), names: Vec::new() };
        for address in addresses {
            all.add(address).map_err(|error| all.explain(error))?;
        }
        Ok(all)
    }

    fn add(&mut self, address: &HttpAddress) -> Result<(), StartError> {
        match address {
            HttpAddress::Tcp { host, port } => {
                self.listeners.add_tcp(std::slice::from_ref(host), *port)?;
                self.names.push(host.to_ascii_lowercase());
                Ok(())
            }
            HttpAddress::Unix(path) => self.listeners.add_unix(path),
        }
    }

    /// Returns the error of a listener that was opened after these, or that of a [`Server`](crate::server::Server), in which
    /// the address is named if one of these has it.
    pub fn explain(&self, error: StartError) -> StartError {
        let address = match &error {
            StartError::Tcp { address, reason } if reason.kind() == ErrorKind::AddrInUse => Address::Tcp(*address),
            StartError::Unix { path, .. } => Address::Unix(path.clone()),
            _ => return error,
        };
        match self.addresses().into_iter().find(|own| overlap(own, &address)) {
            Some(taken) => StartError::Twice { address, taken },
            None => error,
        }
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

/// Returns whether no two sockets can listen on both.
fn overlap(one: &Address, other: &Address) -> bool {
    let includes = |one: IpAddr, other: IpAddr| one.is_unspecified() && (one.is_ipv6() || other.is_ipv4());
    match (one, other) {
        (Address::Tcp(one), Address::Tcp(other)) => {
            let (a, b) = (one.ip(), other.ip());
            one.port() == other.port() && (a == b || includes(a, b) || includes(b, a))
        }
        (Address::Unix(one), Address::Unix(other)) => {
            one == other || one.canonicalize().is_ok_and(|one| other.canonicalize().is_ok_and(|other| one == other))
        }
        _ => false,
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
            "", ":", "8080", ":8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:+1", "127.0.0.1:-1",
            "::1:80", "[::1]", "[::1:80", "[]:80", "[a]:80", "http://a:80", "a:80/", "a b:80", "a@b:80", "unix:",
            "unix:a\0b", "ä:80",
        ] {
            let error = wrong.parse::<HttpAddress>().unwrap_err().to_string();
            assert!(error.contains(HTTP_EXPECTED), "{error}");
        }
    }

    #[test]
    fn an_address_that_is_given_twice_is_refused() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("s");
        let (here, there) = (HttpAddress::Unix(path.clone()), HttpAddress::Unix(folder.path().join("./s")));
        for addresses in [[here.clone(), here.clone()], [here, there]] {
            let error = HttpListeners::bind(&addresses).err().unwrap();
            assert!(matches!(error, StartError::Twice { .. }), "{error}");
            assert!(!path.exists());
        }
        let first = HttpListeners::bind(&["0.0.0.0:0".parse().unwrap()]).unwrap();
        let Address::Tcp(taken) = first.addresses()[0] else { panic!() };
        let error = HttpListeners::bind(&[HttpAddress::Tcp { host: "127.0.0.1".to_owned(), port: taken.port() }]);
        let text = first.explain(error.err().unwrap()).to_string();
        let start =
            format!("cannot listen on 127.0.0.1:{}: 0.0.0.0:{0} is already the address of HTTP; ", taken.port());
        assert!(text.starts_with(&start), "{text}");
    }

    #[test]
    fn only_an_address_that_is_the_same_or_includes_the_other_is_taken() {
        let tcp = |text: &str| Address::Tcp(text.parse().unwrap());
        for (one, other, expected) in [
            ("127.0.0.1:1", "127.0.0.1:1", true),
            ("127.0.0.1:1", "127.0.0.1:2", false),
            ("127.0.0.1:1", "127.0.0.2:1", false),
            ("0.0.0.0:1", "127.0.0.2:1", true),
            ("[::]:1", "127.0.0.2:1", true),
            ("[::]:1", "[::1]:1", true),
            ("0.0.0.0:1", "[::1]:1", false),
        ] {
            assert_eq!(overlap(&tcp(one), &tcp(other)), expected, "{one} {other}");
            assert_eq!(overlap(&tcp(other), &tcp(one)), expected, "{other} {one}");
        }
        assert!(!overlap(&tcp("127.0.0.1:1"), &Address::Unix("127.0.0.1:1".into())));
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
