//! The addresses that the server listens on, and what is told of them.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// An address that the server listens on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// TCP, with the real port.
    Tcp(SocketAddr),
    /// The path of a UNIX socket.
    Unix(PathBuf),
}

/// `127.0.0.1:11746`, `[::1]:11746` or `unix:/run/deputy.sock`.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// `listening on 127.0.0.1:11746 and unix:/run/deputy.sock with 4 shards`.
pub(crate) fn describe(addresses: &[Address], shards: usize) -> String {
    let plural = if shards == 1 { "" } else { "s" };
    format!("listening on {} with {shards} shard{plural}", list(addresses))
}

/// The warning for addresses that other machines may reach, if there are any.
pub(super) fn exposure(addresses: &[Address]) -> Option<String> {
    let loopback = |address: &&Address| match address {
        Address::Tcp(address) => address.ip().to_canonical().is_loopback(),
        Address::Unix(_) => true,
    };
    let open: Vec<Address> = addresses.iter().filter(|address| !loopback(address)).cloned().collect();
    let text = || format!("anyone who reaches {} can run and read jobs: there is no access control", list(&open));
    (!open.is_empty()).then(text)
}

/// `a`, `a and b`, `a, b and c`.
fn list(addresses: &[Address]) -> String {
    let names: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => names.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_listened_on_is_told_in_one_line() {
        let [v4, v6] = ["127.0.0.1:11746", "[::1]:11746"].map(|text| Address::Tcp(text.parse().unwrap()));
        let unix = Address::Unix("/run/deputy.sock".into());
        assert_eq!(describe(std::slice::from_ref(&v4), 1), "listening on 127.0.0.1:11746 with 1 shard");
        assert_eq!(
            describe(&[v4, v6, unix], 4),
            "listening on 127.0.0.1:11746, [::1]:11746 and unix:/run/deputy.sock with 4 shards"
        );
    }

    #[test]
    fn f80_addresses_that_others_reach_are_warned_of() {
        let warning = |text: &str| exposure(&[Address::Tcp(text.parse().unwrap()), Address::Unix("s".into())]);
        for inside in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert_eq!(warning(inside), None);
        }
        for outside in ["0.0.0.0:1", "[::]:1", "192.168.0.1:1", "[2001:db8::1]:1"] {
            let text = warning(outside).unwrap();
            assert!(text.contains(outside) && text.contains("run and read jobs"), "{text}");
        }
    }
}
