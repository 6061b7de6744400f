//! The error of a failed connection: one line with the address, the reason and advice.

use std::fmt;
use std::io;

use rustix::io::Errno;

use super::url::{Url, UrlError};

/// The reason why there is no connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// The text is not an address.
    Url(UrlError),
    /// The host's name has no address, or the name server does not answer.
    Resolve {
        /// The server.
        url: Url,
        /// The resolver's reason.
        reason: io::Error,
    },
    /// The server cannot be reached.
    Connect {
        /// The server.
        url: Url,
        /// The system's reason, of the address that was tried last.
        reason: io::Error,
    },
    /// The system cannot start a thread for the connection.
    Thread(io::Error),
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(error) => error.fmt(f),
            Self::Resolve { url, reason } => {
                write!(f, "cannot find the host of {url}: {reason}; check the name, or give an IP address")
            }
            Self::Connect { url, reason } => {
                write!(f, "cannot connect to {url}: {reason}; {}", advice(url, reason))
            }
            Self::Thread(reason) => no_thread(reason, f),
        }
    }
}

/// Writes that the system cannot start a thread.
pub(super) fn no_thread(reason: &io::Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "cannot start a thread: {reason}; stop some, or raise their limit (ulimit -u)")
}

/// Returns advice for a server that cannot be reached.
fn advice(url: &Url, reason: &io::Error) -> &'static str {
    if let Some(Errno::MFILE | Errno::NFILE) = Errno::from_io_error(reason) {
        return "close some files, or raise their limit (ulimit -n)";
    }
    match (url, reason.kind()) {
        (Url::Unix(_), io::ErrorKind::NotFound) => "start `deputy-server --sock` with this path, or give another",
        (Url::Unix(_), io::ErrorKind::PermissionDenied) => "ask for the right to write to the socket",
        (_, io::ErrorKind::ConnectionRefused) => {
            "no server accepts connections there: start deputy-server, wait if it is stopping, or give its real address"
        }
        (_, io::ErrorKind::TimedOut) => "check the address, and that no firewall is in the way",
        _ => "check the address, and that deputy-server runs there",
    }
}

impl std::error::Error for ConnectError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Url(error) => Some(error),
            Self::Resolve { reason, .. } | Self::Connect { reason, .. } | Self::Thread(reason) => Some(reason),
        }
    }
}

impl From<UrlError> for ConnectError {
    fn from(error: UrlError) -> Self {
        Self::Url(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_names_the_address_the_reason_and_what_to_do() {
        let tcp = Url::default;
        let unix = || Url::Unix("/run/d.sock".into());
        let connect = |url, kind: io::ErrorKind| ConnectError::Connect { url, reason: kind.into() };
        for (error, words) in [
            (connect(tcp(), io::ErrorKind::ConnectionRefused), ["start deputy-server", "if it is stopping"]),
            (connect(tcp(), io::ErrorKind::TimedOut), ["tcp://127.0.0.1:11746", "firewall"]),
            (connect(unix(), io::ErrorKind::NotFound), ["unix:/run/d.sock", "--sock"]),
            (connect(unix(), io::ErrorKind::PermissionDenied), ["unix:/run/d.sock", "right to write"]),
            (connect(unix(), io::ErrorKind::ConnectionRefused), ["unix:/run/d.sock", "start deputy-server"]),
            (
                ConnectError::Connect { url: tcp(), reason: io::Error::from_raw_os_error(Errno::MFILE.raw_os_error()) },
                ["11746", "raise their limit (ulimit -n)"],
            ),
            (ConnectError::Resolve { url: tcp(), reason: io::ErrorKind::Other.into() }, ["11746", "IP address"]),
            ("http://x".parse::<Url>().unwrap_err().into(), ["http://x", "HOST:PORT"]),
        ] {
            let text = error.to_string();
            assert!(words.iter().all(|word| text.contains(word)), "{text}");
            assert_eq!(text.lines().count(), 1);
        }
    }
}
