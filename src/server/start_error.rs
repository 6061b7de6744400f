//! The error of a failed start: one line with the address or path, the reason and advice.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use rustix::io::Errno;

use super::address::Address;
use super::log::line::one_line;
use super::number_range::ConfigError;

/// The reason why a server could not start. No thread of it is left running.
#[derive(Debug)]
pub enum StartError {
    /// The configuration is wrong.
    Config(ConfigError),
    /// The host name has no address.
    Resolve {
        /// The name.
        host: String,
        /// The resolver's error.
        reason: io::Error,
    },
    /// The server cannot listen on a TCP address.
    Tcp {
        /// The address.
        address: SocketAddr,
        /// The system's error.
        reason: io::Error,
    },
    /// The server should listen at an address at which this process listens already.
    Twice {
        /// The requested address.
        address: Address,
        /// The address in use: the same, or one that includes it.
        taken: Address,
    },
    /// The server cannot listen on a UNIX socket.
    Unix {
        /// Its path.
        path: PathBuf,
        /// Why, and what to do.
        reason: String,
    },
    /// The system refused another resource that a server needs.
    System {
        /// What failed, as in "cannot ...".
        attempt: &'static str,
        /// The system's error.
        reason: io::Error,
    },
}

impl StartError {
    /// Returns the exit code of a process that could not start its server: 2 for a wrong setting, 1 for a failure of the
    /// system.
    pub fn exit_code(&self) -> u8 {
        if matches!(self, Self::Config(_)) { 2 } else { 1 }
    }

    /// Returns a function for `map_err`: the system refused what `attempt` says.
    pub(crate) fn system(attempt: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |reason| Self::System { attempt, reason }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Resolve { host, reason } => {
                write!(
                    f,
                    "cannot listen on {host:?}: {reason}; give an IP address or a name that resolves, without a port"
                )
            }
            Self::Tcp { address, reason } => CannotListen(*address, reason).fmt(f),
            Self::Twice { address, taken } => {
                let name = |address: &Address| one_line(&address.to_string());
                let taken = if taken == address { "it".to_owned() } else { name(taken) };
                write!(f, "cannot listen on {}: {taken} is already the address of HTTP; ", name(address))?;
                f.write_str("give each its own port or path")
            }
            Self::Unix { path, reason } => {
                write!(f, "cannot listen on unix:{}: {reason}", one_line(&path.to_string_lossy()))
            }
            Self::System { attempt, reason } => {
                write!(f, "cannot {attempt}: {reason}")?;
                // EAGAIN comes only from starting a thread.
                let threads = (reason.kind() == io::ErrorKind::WouldBlock).then_some(
                    "choose fewer threads, or raise the limit of threads (ulimit -u, TasksMax=) or memory (ulimit -v)",
                );
                scarce(reason).or(threads).map_or(Ok(()), |advice| write!(f, "; {advice}"))
            }
        }
    }
}

/// Formats why the server cannot listen on a TCP address, with advice.
pub(super) struct CannotListen<'a>(pub(super) SocketAddr, pub(super) &'a io::Error);

impl fmt::Display for CannotListen<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(address, reason) = *self;
        let advice = scarce(reason).unwrap_or_else(|| advice(address, reason));
        write!(f, "cannot listen on {address}: {reason}; {advice}")
    }
}

/// Returns advice for a TCP address that cannot be used.
fn advice(address: SocketAddr, reason: &io::Error) -> &'static str {
    match reason.kind() {
        io::ErrorKind::AddrInUse => "another program has this port: stop it, or choose another port",
        io::ErrorKind::AddrNotAvailable => "give an address of this machine",
        io::ErrorKind::PermissionDenied => "choose a port that this user may listen on, such as one above 1023",
        _ if is_link_local(address) => "name the interface of a link-local address, as in fe80::1%eth0",
        _ => "choose another address or port",
    }
}

/// Returns whether the address is IPv6 and valid on one interface only.
fn is_link_local(address: SocketAddr) -> bool {
    matches!(address, SocketAddr::V6(address) if address.ip().is_unicast_link_local())
}

/// Returns advice if the system lacks a resource.
pub(super) fn scarce(reason: &io::Error) -> Option<&'static str> {
    Some(match Errno::from_io_error(reason)? {
        Errno::MFILE => "raise the limit of open files (ulimit -n, LimitNOFILE=)",
        Errno::NFILE => "end other programs, or raise the system's limit of open files (fs.file-max)",
        Errno::NOMEM | Errno::NOBUFS => "end other programs, or give this one more memory",
        _ => return None,
    })
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Config(error) => Some(error),
            Self::Resolve { reason, .. } | Self::Tcp { reason, .. } | Self::System { reason, .. } => Some(reason),
            Self::Twice { .. } | Self::Unix { .. } => None,
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
    use super::super::number_range::Field;
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
            ConfigError::value(Field::Hosts, "a\nb", "something else").into(),
        ] {
            assert_eq!(error.to_string().lines().count(), 1);
        }
    }

    #[test]
    fn an_address_that_is_given_twice_is_named_and_so_is_the_one_that_includes_it() {
        let tcp = |text: &str| Address::Tcp(text.parse().unwrap());
        for (address, taken, text) in [
            (tcp("127.0.0.1:80"), tcp("127.0.0.1:80"), "127.0.0.1:80: it is"),
            (tcp("127.0.0.1:80"), tcp("0.0.0.0:80"), "127.0.0.1:80: 0.0.0.0:80 is"),
            (Address::Unix("a\nb".into()), Address::Unix("a\nb".into()), "unix:a\\nb: it is"),
        ] {
            let error = StartError::Twice { address, taken };
            let advice = "give each its own port or path";
            assert_eq!(error.to_string(), format!("cannot listen on {text} already the address of HTTP; {advice}"));
            assert_eq!(error.exit_code(), 1);
        }
    }

    #[test]
    fn the_text_names_the_reason_and_what_to_do() {
        let tcp = |errno: Errno| StartError::Tcp { address: ([127, 0, 0, 1], 80).into(), reason: errno.into() };
        let thread = |errno: Errno| StartError::system("start a shard's thread")(errno.into());
        for (error, words) in [
            (tcp(Errno::ADDRINUSE), ["127.0.0.1:80", "choose another port"]),
            (tcp(Errno::ADDRNOTAVAIL), ["127.0.0.1:80", "an address of this machine"]),
            (tcp(Errno::ACCESS), ["127.0.0.1:80", "one above 1023"]),
            (tcp(Errno::AFNOSUPPORT), ["127.0.0.1:80", "another address"]),
            (tcp(Errno::MFILE), ["127.0.0.1:80", "ulimit -n"]),
            (tcp(Errno::NFILE), ["127.0.0.1:80", "fs.file-max"]),
            (thread(Errno::AGAIN), ["cannot start a shard's thread", "fewer threads"]),
            (thread(Errno::NOMEM), ["cannot start a shard's thread", "memory"]),
            (thread(Errno::PERM), ["cannot start a shard's thread", "not permitted"]),
        ] {
            let text = error.to_string();
            assert!(words.iter().all(|word| text.contains(word)), "{words:?} in {text}");
        }
    }
}
