//! Opens the sockets that clients connect to, and names their addresses.
//!
//! All sockets are opened before the first connection is accepted, so that a start that fails has served no client.

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::Path;

use mio::net::{TcpListener, UnixListener};
use mio::{Interest, Registry, Token};
use socket2::{Domain, Socket, Type};

use super::address::Address;
use super::config::Config;
use super::log::Log;
use super::log::event::Event;
use super::log::line::Value;
use super::number_range::ConfigError;
use super::sock_file::{self, SockFile};
use super::start_error::{CannotListen, StartError};
use super::stream::Stream;
use crate::limits;

/// How often another port is tried if one address of a name does not have the port free that the first address got.
const PORT_PICKS_MAX: usize = 16;

/// Every socket that the server listens on.
pub(crate) struct Listeners {
    /// Connections that may wait at each socket to be accepted.
    backlog: i32,
    sockets: Vec<Listener>,
    addresses: Vec<Address>,
    /// Addresses of host names that the machine lacks, each with the system's error.
    skipped: Vec<(SocketAddr, io::Error)>,
}

/// One listening socket.
pub(crate) enum Listener {
    Tcp(TcpListener),
    /// The file is dropped before the socket, see [`SockFile`].
    Unix {
        _file: SockFile,
        socket: UnixListener,
    },
}

impl Listeners {
    /// Makes a list without a socket. At most `backlog` connections can wait at each socket to be accepted; it is positive.
    pub(crate) fn new(backlog: i32) -> Self {
        Self { backlog, sockets: Vec::new(), addresses: Vec::new(), skipped: Vec::new() }
    }

    /// Listens on all addresses that `config` names.
    pub(crate) fn bind(config: &Config) -> Result<Listeners, StartError> {
        let mut all = Listeners::new(limits::BACKLOG);
        if config.tcp {
            all.add_tcp(&config.hosts, config.port)?;
        }
        if let Some(path) = &config.sock {
            all.add_unix(path)?;
        }
        if all.sockets.is_empty() {
            return Err(ConfigError::NothingToListenOn.into());
        }
        Ok(all)
    }

    /// Returns the addresses, with the real port.
    pub(crate) fn addresses(&self) -> Vec<Address> {
        self.addresses.clone()
    }

    /// Warns about addresses that cannot be used, and about addresses at which other machines can run jobs.
    pub(crate) fn log_warnings(&self, log: &Log) {
        self.log_skipped(log);
        self.log_exposed(log, Event::Exposed, "", "can run and read jobs: there is no access control");
    }

    /// Warns about HTTP addresses that cannot be used, and about those at which other machines can read figures.
    #[cfg(feature = "http")]
    pub(crate) fn log_http_warnings(&self, log: &Log) {
        self.log_skipped(log);
        self.log_exposed(
            log,
            Event::HttpExposed,
            "http on ",
            "can read the types of jobs and the addresses of workers",
        );
    }

    fn log_skipped(&self, log: &Log) {
        for (address, reason) in &self.skipped {
            let members = [("address", Value::Text(address)), ("error", Value::Text(reason))];
            log.event(Event::AddressSkipped, format_args!("{}", CannotListen(*address, reason)), &members);
        }
    }

    /// Warns that anyone who reaches the exposed addresses `can` do something. Does nothing if there are none.
    fn log_exposed(&self, log: &Log, event: Event, protocol: &str, can: &str) {
        let exposed = exposed(&self.addresses);
        if !exposed.is_empty() {
            let names = list(&exposed);
            let text = format_args!("anyone who reaches {protocol}{names} {can}");
            log.event(event, text, &[("addresses", Value::Texts(&shown(&exposed)))]);
        }
    }

    pub(crate) fn into_inner(self) -> Vec<Listener> {
        self.sockets
    }

    /// Listens on a UNIX socket as well.
    pub(crate) fn add_unix(&mut self, path: &Path) -> Result<(), StartError> {
        let (file, socket) = sock_file::listen(path, self.backlog)?;
        self.sockets.push(Listener::Unix { _file: file, socket: UnixListener::from_std(socket.into()) });
        self.addresses.push(Address::Unix(path.to_owned()));
        Ok(())
    }

    /// Listens on every address of these hosts as well. With port 0 they share a port that is free.
    pub(crate) fn add_tcp(&mut self, hosts: &[String], port: u16) -> Result<(), StartError> {
        let bound = bind_all(&resolve_all(hosts, port)?, self.backlog)?;
        for (socket, address) in bound.sockets {
            self.sockets.push(Listener::Tcp(TcpListener::from_std(socket.into())));
            self.addresses.push(Address::Tcp(address));
        }
        self.skipped.extend(bound.skipped);
        Ok(())
    }
}

/// Returns the addresses of each host. An address that several hosts have belongs to the first of them only.
fn resolve_all(hosts: &[String], port: u16) -> Result<Vec<Vec<SocketAddr>>, StartError> {
    let mut all: Vec<Vec<SocketAddr>> = Vec::new();
    for host in hosts {
        let mut addresses = resolve(host, port)?;
        addresses.retain(|address| !all.iter().flatten().any(|earlier| earlier == address));
        all.push(addresses);
    }
    Ok(all)
}

/// Returns every address of `host`, each once. An IPv6 address may have brackets, as the server logs it.
fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, StartError> {
    let failed = |reason| StartError::Resolve { host: host.to_owned(), reason };
    let mut addresses = Vec::new();
    let name = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    for address in (name, port).to_socket_addrs().map_err(failed)? {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() { Err(failed(io::ErrorKind::NotFound.into())) } else { Ok(addresses) }
}

/// The sockets of all hosts, and the addresses that the machine lacks.
#[derive(Default)]
struct Bound {
    sockets: Vec<(Socket, SocketAddr)>,
    skipped: Vec<(SocketAddr, io::Error)>,
}

/// Listens on all addresses of all hosts. If the port is 0, the system picks one for the first address, and the others use
/// the same. If one of them does not have it free, the system picks another.
fn bind_all(hosts: &[Vec<SocketAddr>], backlog: i32) -> Result<Bound, StartError> {
    let mut result = bind_each(hosts, backlog);
    for _ in 1..PORT_PICKS_MAX {
        match &result {
            Err(StartError::Tcp { address, reason })
                if hosts.iter().flatten().all(|asked| asked.port() == 0)
                    && address.port() != 0
                    && reason.kind() == io::ErrorKind::AddrInUse => {}
            _ => break,
        }
        result = bind_each(hosts, backlog);
    }
    result
}

/// Makes one attempt of [`bind_all`]. Skips the addresses of a name that this machine lacks, most often `::1` where IPv6
/// is off, unless no other address is left.
fn bind_each(hosts: &[Vec<SocketAddr>], backlog: i32) -> Result<Bound, StartError> {
    let has_ipv4 = hosts.iter().flatten().any(SocketAddr::is_ipv4);
    let mut bound = Bound::default();
    for addresses in hosts {
        let (sockets_before, skipped_before) = (bound.sockets.len(), bound.skipped.len());
        for &address in addresses {
            let mut address = address;
            if let Some((_, first)) = bound.sockets.first() {
                address.set_port(first.port());
            }
            match bind_tcp(address, has_ipv4, backlog) {
                Ok(socket) => bound.sockets.push(socket),
                Err(reason) if is_absent(&reason) => bound.skipped.push((address, reason)),
                Err(reason) => return Err(StartError::Tcp { address, reason }),
            }
        }
        if bound.sockets.len() == sockets_before && bound.skipped.len() > skipped_before {
            let (address, reason) = bound.skipped.remove(skipped_before);
            return Err(StartError::Tcp { address, reason });
        }
    }
    Ok(bound)
}

/// Returns whether the machine lacks the address.
fn is_absent(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable
        || rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::AFNOSUPPORT)
}

/// Returns a listening socket, and its address with the real port. With `has_ipv4`, other sockets serve IPv4: `::` then takes
/// IPv6 only, because it could not have the port of `0.0.0.0` otherwise.
fn bind_tcp(address: SocketAddr, has_ipv4: bool, backlog: i32) -> io::Result<(Socket, SocketAddr)> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if address.is_ipv6() && address.ip().is_unspecified() && has_ipv4 {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?; // A restart must not wait until old connections have ended.
    socket.bind(&address.into())?;
    socket.listen(backlog)?;
    socket.set_nonblocking(true)?;
    let real = socket.local_addr()?.as_socket().unwrap_or(address);
    Ok((socket, real))
}

impl Listener {
    /// Returns the next connection that waits, or `WouldBlock` if there is none.
    pub(crate) fn accept(&self) -> io::Result<Stream> {
        match self {
            Self::Tcp(socket) => socket.accept().map(|(stream, _)| Stream::Tcp(stream)),
            Self::Unix { socket, .. } => socket.accept().map(|(stream, _)| Stream::Unix(stream)),
        }
    }

    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        match self {
            Self::Tcp(socket) => registry.register(socket, token, Interest::READABLE),
            Self::Unix { socket, .. } => registry.register(socket, token, Interest::READABLE),
        }
    }
}

/// Logs `listening on 127.0.0.1:11746 and unix:/run/deputy.sock with 4 shards`.
pub(crate) fn log_listening(log: &Log, addresses: &[Address], shards: usize) {
    let (names, plural) = (list(addresses), if shards == 1 { "" } else { "s" });
    let members = [("addresses", Value::Texts(&shown(addresses))), ("shards", Value::Number(shards as u64))];
    log.event(Event::Listening, format_args!("listening on {names} with {shards} shard{plural}"), &members);
}

/// Logs `http on 127.0.0.1:8080` for each address.
#[cfg(feature = "http")]
pub(crate) fn log_http_listening(log: &Log, addresses: &[Address]) {
    for address in addresses {
        log.event(Event::HttpListening, format_args!("http on {address}"), &[("address", Value::Text(address))]);
    }
}

/// Returns the addresses that other machines can reach.
fn exposed(addresses: &[Address]) -> Vec<Address> {
    let is_loopback = |address: &Address| match address {
        Address::Tcp(address) => address.ip().to_canonical().is_loopback(),
        Address::Unix(_) => true,
    };
    addresses.iter().filter(|address| !is_loopback(address)).cloned().collect()
}

/// Returns the addresses as the value of a member.
fn shown(addresses: &[Address]) -> Vec<&dyn fmt::Display> {
    addresses.iter().map(|address| address as &dyn fmt::Display).collect()
}

/// Returns `a`, `a and b`, or `a, b and c`.
fn list(addresses: &[Address]) -> String {
    let names: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => names.concat(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;
    use tempfile::TempDir;

    use super::super::log::Level;
    use super::*;

    fn on(host: &str, port: u16) -> Config {
        Config { hosts: vec![host.to_owned()], port, ..Config::default() }
    }

    /// Returns the lines that `write` logs.
    fn logged(write: impl FnOnce(&Log)) -> String {
        let (log, thread, written) = Log::to_channel(Level::Info);
        write(&log);
        thread.stop();
        written.iter().collect()
    }

    fn tcp(address: &Address) -> SocketAddr {
        let Address::Tcp(address) = address else { panic!("{address} is not TCP") };
        *address
    }

    #[test]
    fn f53_port_0_picks_a_port_and_reports_it() {
        let listeners = Listeners::bind(&on("127.0.0.1", 0)).unwrap();
        let addresses = listeners.addresses();
        assert_eq!(addresses.len(), 1);
        TcpStream::connect(tcp(&addresses[0])).unwrap();
        assert_eq!(logged(|log| listeners.log_warnings(log)), "");
    }

    #[test]
    fn f53_a_port_in_use_is_named() {
        let first = Listeners::bind(&on("127.0.0.1", 0)).unwrap();
        let address = tcp(&first.addresses()[0]);
        let error = Listeners::bind(&on("127.0.0.1", address.port())).err().unwrap();
        assert_eq!(error.exit_code(), 1);
        let text = error.to_string();
        assert!(text.starts_with(&format!("cannot listen on {address}: ")) && text.contains("choose another port"));
    }

    #[test]
    fn f53_an_address_that_the_machine_does_not_have_is_named() {
        // 192.0.2.0/24 is for documentation (RFC 5737).
        let text = Listeners::bind(&on("192.0.2.1", 0)).err().unwrap().to_string();
        assert!(text.contains("192.0.2.1:0") && text.contains("give an address of this machine"), "{text}");
    }

    #[test]
    fn f53_a_name_that_does_not_resolve_is_named() {
        // No resolver may know a name under .invalid (RFC 6761), nor one with a space in it.
        let text = Listeners::bind(&on("no such host.invalid", 0)).err().unwrap().to_string();
        assert!(text.contains("\"no such host.invalid\"") && text.contains("without a port"), "{text}");
    }

    #[test]
    fn f53_every_address_of_a_name_is_listened_on_at_one_port() {
        let several = ["127.0.0.1:0", "127.0.0.2:0", "127.0.0.3:0"].map(|text| text.parse().unwrap());
        let bound = bind_all(&[several.to_vec()], 1).unwrap();
        let port = bound.sockets[0].1.port();
        for ((_, address), wanted) in bound.sockets.iter().zip(several) {
            assert_eq!(*address, SocketAddr::new(wanted.ip(), port));
            TcpStream::connect(address).unwrap();
        }
        assert_eq!(bound.sockets.len(), 3);
    }

    #[test]
    fn f53_an_address_of_a_name_that_the_machine_lacks_is_skipped_but_not_the_last() {
        let [absent, here] = ["192.0.2.1:0", "127.0.0.1:0"].map(|text| text.parse().unwrap());
        let bound = bind_all(&[vec![absent, here]], 1).unwrap();
        assert_eq!((bound.sockets.len(), bound.skipped.len()), (1, 1));
        assert!(bind_all(&[vec![absent]], 1).is_err());
        assert!(bind_all(&[vec![here], vec![absent]], 1).is_err(), "each host must have an address");
    }

    #[test]
    fn f53_ipv6_is_listened_on_where_there_is_any() {
        match Listeners::bind(&on("::1", 0)) {
            Ok(listeners) => {
                let address = tcp(&listeners.addresses()[0]);
                TcpStream::connect(address).unwrap();
                assert!(Address::Tcp(address).to_string().starts_with("[::1]:"));
            }
            Err(StartError::Tcp { reason, .. }) => assert!(is_absent(&reason), "{reason}"),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn tcp_and_unix_are_listened_on_together_or_alone() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("s");
        let both = Config { sock: Some(path.clone()), ..on("127.0.0.1", 0) };
        let listeners = Listeners::bind(&both).unwrap();
        assert_eq!(listeners.addresses().len(), 2);
        assert_eq!(listeners.addresses()[1], Address::Unix(path.clone()));
        drop(listeners);
        assert!(!path.exists());
        let alone = Config { tcp: false, ..both };
        assert_eq!(Listeners::bind(&alone).unwrap().addresses(), [Address::Unix(path)]);
        let neither = Listeners::bind(&Config { sock: None, ..alone }).err().unwrap();
        assert_eq!(neither.exit_code(), 2);
    }

    #[test]
    fn a_start_that_fails_leaves_no_socket_behind() {
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("s"), "").unwrap();
        let config = Config { sock: Some(folder.path().join("s")), ..on("127.0.0.1", 0) };
        let error = Listeners::bind(&config).err().unwrap();
        assert!(error.to_string().starts_with("cannot listen on unix:/"), "{error}");
    }

    #[test]
    fn all_addresses_are_logged_in_one_line() {
        let [v4, v6] = ["127.0.0.1:11746", "[::1]:11746"].map(|text| Address::Tcp(text.parse().unwrap()));
        let unix = Address::Unix("/run/deputy.sock".into());
        for (addresses, shards, line) in [
            (vec![v4.clone()], 1, "deputy: listening on 127.0.0.1:11746 with 1 shard\n"),
            (
                vec![v4, v6, unix],
                4,
                "deputy: listening on 127.0.0.1:11746, [::1]:11746 and unix:/run/deputy.sock with 4 shards\n",
            ),
        ] {
            assert_eq!(logged(|log| log_listening(log, &addresses, shards)), line);
        }
    }

    #[test]
    fn f80_addresses_that_others_reach_are_warned_of() {
        let warning = |text: &str| {
            let addresses = vec![Address::Tcp(text.parse().unwrap()), Address::Unix("s".into())];
            logged(|log| Listeners { addresses, ..Listeners::new(1) }.log_warnings(log))
        };
        for inside in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert_eq!(warning(inside), "");
        }
        for outside in ["0.0.0.0:1", "[::]:1", "192.168.0.1:1", "[2001:db8::1]:1"] {
            let start = format!("deputy: warning: anyone who reaches {outside} can run and read jobs: ");
            assert!(warning(outside).starts_with(&start), "{}", warning(outside));
        }
    }

    #[test]
    fn f53_an_address_that_was_skipped_is_warned_of() {
        let skipped = vec![("[::1]:80".parse().unwrap(), rustix::io::Errno::ADDRNOTAVAIL.into())];
        let text = logged(|log| Listeners { skipped, ..Listeners::new(1) }.log_warnings(log));
        assert!(text.starts_with("deputy: warning: cannot listen on [::1]:80: ") && text.contains("give an address"));
    }
}
