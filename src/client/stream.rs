//! A socket that is connected to the server, over TCP or a UNIX socket alike.
//!
//! It blocks. Two threads use it at once: one reads, one writes; either ends both by shutting it down.

use std::io;
use std::net::{Shutdown, ToSocketAddrs};
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, TcpKeepalive, Type};

use super::connect_error::ConnectError;
use super::options::Options;
use super::url::Url;
use crate::limits::{KEEPALIVE_COUNT_DEFAULT, KEEPALIVE_INTERVAL_SECONDS_DEFAULT};

/// Connects, to the first of the server's addresses that takes it within `timeout`.
pub(super) fn connect(url: &Url, options: &Options, timeout: Duration) -> Result<Socket, ConnectError> {
    let failed = |reason| ConnectError::Connect { url: url.clone(), reason };
    let addresses: Vec<SockAddr> = match url {
        Url::Unix(path) => vec![SockAddr::unix(path).map_err(failed)?],
        Url::Tcp { host, port } => (host.as_str(), *port)
            .to_socket_addrs()
            .map_err(|reason| ConnectError::Resolve { url: url.clone(), reason })?
            .map(SockAddr::from)
            .collect(),
    };
    let mut last = io::ErrorKind::NotFound.into();
    for address in addresses {
        match connect_to(&address, timeout).and_then(|socket| tune(&socket, &address, options).map(|()| socket)) {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(failed(last))
}

fn connect_to(address: &SockAddr, timeout: Duration) -> io::Result<Socket> {
    let socket = Socket::new(Domain::from(i32::from(address.family())), Type::STREAM, None)?;
    if address.is_unix() {
        // A UNIX socket is connected at once or, if it has no room, when it has: then the time for writing counts.
        socket.set_write_timeout(Some(timeout))?;
        socket.connect(address)?;
    } else {
        socket.connect_timeout(address, timeout)?;
    }
    Ok(socket)
}

/// Small lines leave at once, and a machine that is silent for good is found: while nothing is sent by probes
/// (keepalive), and while sent bytes are unacknowledged by the user timeout. A peer behind a UNIX socket cannot be lost in
/// silence. A peer that takes no byte for the answer time-out fails the write.
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

/// Ends what we say: the server reads to the end of it, and then closes the connection.
pub(super) fn end_writing(socket: &Socket) {
    // It fails if the peer has ended it, which reading then tells as well.
    let _ = socket.shutdown(Shutdown::Write);
}

/// Ends the connection for both threads. What has come and was not read can still be read.
pub(super) fn end(socket: &Socket) {
    // It fails if the peer has ended it, which is just as good.
    let _ = socket.shutdown(Shutdown::Both);
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::unix::net::UnixListener;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_tcp_connection_finds_silent_peers() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = listener.local_addr().unwrap().to_string().parse().unwrap();
        let options = Options::new().keepalive(7 * SECOND).answer_timeout(9 * SECOND);
        let socket = connect(&url, &options, SECOND).unwrap();
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
            connect(&url, &options, SECOND).unwrap();
        }
    }

    #[test]
    fn each_address_of_a_name_is_tried() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = Url::Tcp { host: "localhost".to_owned(), port: listener.local_addr().unwrap().port() };
        connect(&url, &Options::new(), SECOND).unwrap();
    }

    #[test]
    fn an_ipv6_address_is_connected_to() {
        let Ok(listener) = TcpListener::bind("[::1]:0") else {
            return eprintln!("passed over: there is no IPv6 here");
        };
        let url = listener.local_addr().unwrap().to_string().parse().unwrap();
        connect(&url, &Options::new(), SECOND).unwrap();
    }

    #[test]
    fn every_failure_names_the_server() {
        let folder = tempfile::tempdir().unwrap();
        let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
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
            let text = connect(&url, &Options::new(), SECOND).unwrap_err().to_string();
            assert!(text.contains(&url.to_string()), "{text}");
        }
    }
}
