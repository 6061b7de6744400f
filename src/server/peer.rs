//! Who is at the other end of a connection, as people are told.

use std::fmt;
use std::net::SocketAddr;

/// The program at the other end. Asked for when a connection opens: one that broke can no longer be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    /// Its address.
    Tcp(SocketAddr),
    /// Its process, if the system tells.
    Unix(Option<i32>),
    /// It was gone already.
    Gone,
}

/// `10.0.0.7:51234`, `[::1]:51234`, `unix peer 4242` (its process).
impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(Some(process)) => write!(f, "unix peer {process}"),
            Self::Unix(None) => f.write_str("unix peer"),
            Self::Gone => f.write_str("a peer that had left"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_named_so_that_it_can_be_found() {
        let tcp = |text: &str| Peer::Tcp(text.parse().unwrap()).to_string();
        assert_eq!([tcp("10.0.0.7:51234"), tcp("[::1]:2")], ["10.0.0.7:51234", "[::1]:2"]);
        assert_eq!(Peer::Unix(Some(4242)).to_string(), "unix peer 4242");
        assert_eq!([Peer::Unix(None), Peer::Gone].map(|peer| peer.to_string()), ["unix peer", "a peer that had left"]);
    }
}
