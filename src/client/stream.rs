//! A socket that is connected to the server, over TCP or a UNIX socket alike.
//!
//! The socket blocks. Two threads use it at once: one reads, one writes. Either thread ends both by shutting it down.

use std::io;
use std::net::Shutdown;
use std::time::{Duration, Instant};

use socket2::{Domain, SockAddr, Socket, TcpKeepalive, Type};

use super::connect_error::ConnectError;
use super::options::Options;
use super::resolver::Resolver;
use super::url::Url;
use crate::limits::{KEEPALIVE_COUNT_DEFAULT, KEEPALIVE_INTERVAL_SECONDS_DEFAULT};

/// Connects to the server. The lookup of its name and the attempts at its addresses end by `deadline`.
pub(super) fn connect(
    url: &Url,
    options: &Options,
    resolver: &mut Resolver,
    deadline: Instant,
) -> Result<Socket, ConnectError> {
    let failed = |reason| ConnectError::Connect { url: url.clone(), reason };
    let addresses: Vec<SockAddr> = match url {
        Url::Unix(path) => vec![SockAddr::unix(path).map_err(failed)?],
        Url::Tcp { host, port } => resolver
            .lookup(host, *port, deadline)
            .map_err(|reason| ConnectError::Resolve { url: url.clone(), reason })?
            .into_iter()
            .map(SockAddr::from)
            .collect(),
    };
    connect_to_first(&addresses, options, deadline).map_err(failed)
}

/// Connects to the first address that accepts. Each attempt may take an equal share of the time that is left, so that
/// one dead address does not use up the time of the next.
fn connect_to_first(addresses: &[SockAddr], options: &Options, deadline: Instant) -> io::Result<Socket> {
    let mut last = io::ErrorKind::NotFound.into();
    for (address, untried) in addresses.iter().zip((1..=addresses.len()).rev()) {
        let left = deadline.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(untried).unwrap_or(u32::MAX);
        match connect_to(address, share.max(Duration::from_millis(1))) {
            Ok(socket) => return tune(&socket, address, options).map(|()| socket),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn connect_to(address: &SockAddr, timeout: Duration) -> io::Result<Socket> {
    let socket = Socket::new(Domain::from(i32::from(address.family())), Type::STREAM, None)?;
    if address.is_unix() {
        // It connects at once unless the listener's queue is full. Then the write time-out bounds the wait.
        socket.set_write_timeout(Some(timeout))?;
        socket.connect(address)?;
    } else {
        socket.connect_timeout(address, timeout)?;
        refuse_self_connection(&socket)?;
    }
    Ok(socket)
}

/// Fails, and resets the connection, if the socket is connected to itself.
///
/// The system may choose the server's port as the local port while no server listens there. TCP then connects the socket
/// to itself ("simultaneous open"), and the server can never bind its port.
fn refuse_self_connection(socket: &Socket) -> io::Result<()> {
    if socket.local_addr()?.as_socket() != socket.peer_addr()?.as_socket() {
        return Ok(());
    }
    // A reset: otherwise the port would remain in TIME_WAIT.
    socket.set_linger(Some(Duration::ZERO))?;
    Err(io::Error::new(io::ErrorKind::ConnectionRefused, "connection refused (the socket reached its own port)"))
}

/// Sets the socket's options. Small lines leave at once.
///
/// The system detects a dead machine by probes (keepalive) while nothing is sent, and by the user time-out while sent
/// bytes are unacknowledged. A UNIX socket needs neither. A write fails if the peer takes no byte for the answer
/// time-out.
fn tune(socket: &Socket, address: &SockAddr, options: &Options) -> io::Result<()> {
    socket.set_write_timeout(Some(options.answer_timeout))?;
    if address.is_unix() {
        return Ok(());
    }
    let interval = Duration::from_secs(KEEPALIVE_INTERVAL_SECONDS_DEFAULT.into());
    let probes = TcpKeepalive::new()
        .with_time(options.keepalive_idle)
        .with_interval(interval)
        .with_retries(KEEPALIVE_COUNT_DEFAULT);
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(&probes)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(options.keepalive_idle + interval * KEEPALIVE_COUNT_DEFAULT))?;
    Ok(())
}

/// Closes the writing side. The server reads all bytes, and then closes the connection.
pub(super) fn end_writing(socket: &Socket) {
    // It fails if the peer has closed the connection, which the reader finds as well.
    let _ = socket.shutdown(Shutdown::Write);
}

/// Ends the connection for both threads. Bytes that have arrived can still be read.
pub(super) fn end(socket: &Socket) {
    // It fails if the peer has closed the connection, which has the same effect.
    let _ = socket.shutdown(Shutdown::Both);
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, TcpListener, TcpStream};
    use std::os::unix::net::UnixListener;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Connects within a second.
    fn connect(url: &Url, options: &Options) -> Result<Socket, ConnectError> {
        super::connect(url, options, &mut Resolver::default(), Instant::now() + SECOND)
    }

    /// An address that answers no SYN, because the queue of its listener is full.
    fn dead_address() -> (SockAddr, Socket, Vec<TcpStream>) {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        let connect = || TcpStream::connect_timeout(&address.as_socket().unwrap(), Duration::from_millis(100)).ok();
        let queued = std::iter::from_fn(connect).collect();
        (address, listener, queued)
    }

    #[test]
    fn a_tcp_connection_finds_silent_peers() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = listener.local_addr().unwrap().to_string().parse().unwrap();
        let options = Options::new().keepalive(7 * SECOND).answer_timeout(9 * SECOND);
        let socket = connect(&url, &options).unwrap();
        assert!(socket.keepalive().unwrap() && socket.tcp_nodelay().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), 7 * SECOND);
        assert_eq!(socket.write_timeout().unwrap(), Some(9 * SECOND));
        #[cfg(target_os = "linux")]
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(37 * SECOND));
    }

    #[test]
    fn the_longest_and_shortest_settings_are_taken() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = listener.local_addr().unwrap().to_string().parse().unwrap();
        for extreme in [Duration::ZERO, Duration::MAX] {
            let options = Options::new().keepalive(extreme).answer_timeout(extreme).connect_timeout(extreme);
            connect(&url, &options).unwrap();
        }
    }

    #[test]
    fn each_address_of_a_name_is_tried() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = Url::Tcp { host: "localhost".to_owned(), port: listener.local_addr().unwrap().port() };
        connect(&url, &Options::new()).unwrap();
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn dead_addresses_share_one_deadline() {
        let (dead, _listener, _queued) = dead_address();
        let start = Instant::now();
        let addresses = vec![dead.clone(); 20];
        let error = connect_to_first(&addresses, &Options::new(), start + SECOND).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        // Twenty times the deadline, if each address had it.
        assert!(start.elapsed() < 10 * SECOND, "{:?}", start.elapsed());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addresses = [dead, listener.local_addr().unwrap().into()];
        connect_to_first(&addresses, &Options::new(), Instant::now() + SECOND).unwrap();
    }

    /// A socket that is bound to a port and connects to that port reaches itself, without any luck.
    #[test]
    fn a_socket_that_reached_itself_is_refused_and_its_port_is_free_again() {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
        let own = socket.local_addr().unwrap();
        socket.connect(&own).unwrap();
        let error = refuse_self_connection(&socket).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        drop(socket);
        TcpListener::bind(own.as_socket().unwrap()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let other = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        refuse_self_connection(&other.into()).unwrap();
    }

    #[test]
    fn an_ipv6_address_is_connected_to() {
        let Ok(listener) = TcpListener::bind("[::1]:0") else {
            return eprintln!("passed over: there is no IPv6 here");
        };
        let url = listener.local_addr().unwrap().to_string().parse().unwrap();
        connect(&url, &Options::new()).unwrap();
    }

    #[test]
    fn every_failure_names_the_server() {
        let folder = tempfile::tempdir().unwrap();
        // Bound, but not listening: no other program is given this port.
        let silent = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        silent.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        let gone = silent.local_addr().unwrap().as_socket().unwrap().to_string();
        let stale = folder.path().join("stale");
        drop(UnixListener::bind(&stale).unwrap());
        let too_long = folder.path().join("x".repeat(200));
        for url in [
            gone.parse().unwrap(),
            Url::Unix(folder.path().join("none")),
            Url::Unix(stale),
            Url::Unix(too_long),
            "no-such-host.invalid:1".parse().unwrap(),
        ] {
            let text = connect(&url, &Options::new()).unwrap_err().to_string();
            assert!(text.contains(&url.to_string()), "{text}");
        }
    }
}
