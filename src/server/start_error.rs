//! Why a server could not start: one line that names the address or path, the reason and what to do.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::bound::ConfigError;
use super::log::one_line;

/// Why a server could not start. Nothing of it is left running.
#[derive(Debug)]
pub enum StartError {
    /// The configuration is wrong.
    Config(ConfigError),
    /// The host name leads to no address.
    Resolve {
        /// The name.
        host: String,
        /// What the resolver said.
        reason: io::Error,
    },
    /// A TCP address cannot be listened on.
    Tcp {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        reason: io::Error,
    },
    /// A UNIX socket cannot be listened on.
    Unix {
        /// Its path.
        path: PathBuf,
        /// Why, and what to do.
        reason: String,
    },
    /// The system refused something else that a server needs.
    System {
        /// What was tried, as in "cannot ...".
        attempt: &'static str,
        /// What the system said.
        reason: io::Error,
    },
}

impl StartError {
    /// What a process that could not start its server ends with: 2 if it was told wrongly, 1 if the world is not so.
    pub fn exit_code(&self) -> u8 {
        if matches!(self, Self::Config(_)) { 2 } else { 1 }
    }

    /// For `map_err`: the system refused what `attempt` says.
    pub(super) fn system(attempt: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |reason| Self::System { attempt, reason }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Resolve { host, reason } => {
                write!(f, "cannot listen on {host:?}: {reason}; --host takes an IP address or a name that resolves")
            }
            Self::Tcp { address, reason } => {
                write!(f, "cannot listen on {address}: {reason}; {}", advice(reason.kind()))
            }
            Self::Unix { path, reason } => {
                write!(f, "cannot listen on unix:{}: {reason}", one_line(&path.to_string_lossy()))
            }
            Self::System { attempt, reason } => write!(f, "cannot {attempt}: {reason}"),
        }
    }
}

/// What to do about a TCP address that cannot be had.
fn advice(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::AddrInUse => "another program has this port: stop it, or choose another --port",
        io::ErrorKind::AddrNotAvailable => "give an address of this machine as --host",
        io::ErrorKind::PermissionDenied => "choose a --port that this user may listen on, such as one above 1023",
        _ => "choose another --host or --port",
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Config(error) => Some(error),
            Self::Resolve { reason, .. } | Self::Tcp { reason, .. } | Self::System { reason, .. } => Some(reason),
            Self::Unix { .. } => None,
        }
    }
}

impl From<ConfigError> for StartError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_config_and_a_failing_world_have_their_own_exit_codes() {
        assert_eq!(StartError::from(ConfigError::NothingToListenOn).exit_code(), 2);
        assert_eq!(StartError::system("start a thread")(io::ErrorKind::OutOfMemory.into()).exit_code(), 1);
    }

    #[test]
    fn the_text_is_one_line_even_for_a_strange_path() {
        for error in [
            StartError::Resolve { host: "a\nb".to_owned(), reason: io::ErrorKind::NotFound.into() },
            StartError::Unix { path: "a\nb".into(), reason: "too long".to_owned() },
            ConfigError::value("--host", "a\nb", "something else").into(),
        ] {
            assert_eq!(error.to_string().lines().count(), 1);
        }
    }
}
