//! A TCP port that no other program is given, whether or not a program listens at it.

use std::net::{Ipv4Addr, SocketAddr};

use socket2::{Domain, Socket, Type};

/// A port of 127.0.0.1. A program that knows its number can listen at it, also again and again. Connections are refused while
/// none does.
pub(crate) struct Port {
    pub(crate) address: SocketAddr,
    /// Bound, but not listening. Linux does not give this port to a program that asks for any port. It permits a program
    /// that reuses addresses to bind the same port. Other systems do not, so there this socket is closed.
    _kept: Option<Socket>,
}

impl Port {
    pub(crate) fn keep() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_reuse_address(true).unwrap();
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        Self { address, _kept: cfg!(target_os = "linux").then_some(socket) }
    }

    /// Returns its number, as an option has it.
    pub(crate) fn number(&self) -> String {
        self.address.port().to_string()
    }
}
