//! Looks up the addresses of a host, with a deadline.
//!
//! The system's resolver cannot be interrupted, and waits as long as its own configuration says. So a thread runs the
//! lookup, and the caller stops waiting for it at the deadline. A link has one [`Resolver`], which does not start
//! another lookup while one still runs. So a silent name server costs at most one thread per link.

use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6, ToSocketAddrs};
use std::thread;
use std::time::Instant;

use crossbeam_channel::{Receiver, bounded};

type Addresses = io::Result<Vec<SocketAddr>>;

/// Looks up the host of one server.
#[derive(Debug, Default)]
pub(super) struct Resolver {
    /// The lookup that had no result by its deadline.
    running: Option<Receiver<Addresses>>,
}

impl Resolver {
    /// Returns the addresses of `host`, at least one. `Err` has the kind `TimedOut` if there is no result by `deadline`.
    ///
    /// An IP address needs no lookup. One with a scope id by name does, because the system knows the interfaces.
    pub(super) fn lookup(&mut self, host: &str, port: u16, deadline: Instant) -> Addresses {
        if let Some(address) = literal(host, port) {
            return Ok(vec![address]);
        }
        let host = host.to_owned();
        self.lookup_with(deadline, move || Ok((host.as_str(), port).to_socket_addrs()?.collect()))
    }

    fn lookup_with(&mut self, deadline: Instant, look_up: impl FnOnce() -> Addresses + Send + 'static) -> Addresses {
        let running = match self.running.take() {
            Some(running) => running,
            None => start(look_up)?,
        };
        let Ok(result) = running.recv_deadline(deadline) else {
            self.running = Some(running);
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the name server has not answered in time"));
        };
        let addresses = result?;
        if addresses.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
        }
        Ok(addresses)
    }
}

/// Runs a lookup on a thread of its own.
fn start(look_up: impl FnOnce() -> Addresses + Send + 'static) -> io::Result<Receiver<Addresses>> {
    let (sender, running) = bounded(1);
    // The send fails if the link has ended meanwhile.
    let resolver = thread::Builder::new().name("deputy resolver".to_owned());
    let no_thread = |error: io::Error| io::Error::new(error.kind(), format!("no thread to look it up: {error}"));
    resolver.spawn(move || sender.send(look_up()).unwrap_or(())).map_err(no_thread)?;
    Ok(running)
}

/// Returns an IP address without a lookup: IPv4, or IPv6 with no scope id or a numeric one.
fn literal(host: &str, port: u16) -> Option<SocketAddr> {
    let plain = host.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, port));
    plain.ok().or_else(|| format!("[{host}]:{port}").parse::<SocketAddrV6>().ok().map(SocketAddr::V6))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crossbeam_channel::unbounded;

    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(30)
    }

    #[test]
    fn an_ip_address_needs_no_lookup() {
        for (host, address) in [
            ("127.0.0.1", "127.0.0.1:7"),
            ("::1", "[::1]:7"),
            ("fe80::1%2", "[fe80::1%2]:7"),
            ("fe80::1%4294967295", "[fe80::1%4294967295]:7"),
        ] {
            assert_eq!(literal(host, 7), Some(address.parse().unwrap()), "{host}");
        }
        for host in ["localhost", "fe80::1%lo", "127.1", ""] {
            assert_eq!(literal(host, 7), None, "{host}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_scope_id_by_name_is_the_index_of_that_interface() {
        let mut resolver = Resolver::default();
        let addresses = resolver.lookup("fe80::1%lo", 7, soon()).unwrap();
        let index: u32 = std::fs::read_to_string("/sys/class/net/lo/ifindex").unwrap().trim().parse().unwrap();
        assert_eq!(addresses, [format!("[fe80::1%{index}]:7").parse().unwrap()]);
        resolver.lookup("fe80::1%no-such-one", 7, soon()).unwrap_err();
    }

    #[test]
    fn a_silent_name_server_is_waited_for_until_the_deadline_and_on_one_thread() {
        let (release, released) = unbounded::<()>();
        let (starts, started) = unbounded();
        let mut resolver = Resolver::default();
        let mut look_up = |deadline| {
            let (starts, released) = (starts.clone(), released.clone());
            resolver.lookup_with(deadline, move || {
                starts.send(()).unwrap();
                let _ = released.recv(); // Until the test lets it go.
                Ok(vec!["127.0.0.1:7".parse().unwrap()])
            })
        };
        for _ in 0..3 {
            let error = look_up(Instant::now() + Duration::from_millis(1)).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        }
        drop(release);
        assert_eq!(look_up(soon()).unwrap().len(), 1);
        assert_eq!(started.try_iter().count(), 1, "each attempt waits for the first lookup");
        assert_eq!(look_up(soon()).unwrap().len(), 1);
        assert_eq!(started.try_iter().count(), 1, "the next one starts anew");
    }

    #[test]
    fn a_name_without_an_address_is_an_error() {
        let error = Resolver::default().lookup_with(soon(), || Ok(Vec::new())).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
