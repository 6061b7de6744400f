//! The `Host` names that are accepted at a loopback address. Pure.
//!
//! A web site can let its own name lead to 127.0.0.1. Then a page of this site can read the answers of the local server
//! as if they came from the site (DNS rebinding). The browser still sends the site's name as `Host`. So a loopback
//! address accepts only names that no web site can have: IP addresses, `localhost`, and the names that the operator has
//! chosen to listen on.

use std::net::IpAddr;

/// Returns whether a request that came to a loopback address with this `Host` may be answered. `names` are the
/// operator's, in lower case.
pub(super) fn is_local(host: &str, names: &[String]) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    let address = host.split_once('%').map_or(host, |(address, _scope)| address);
    host.is_empty() // Only HTTP/1.0, which no browser sends.
        || address.parse::<IpAddr>().is_ok()
        || host == "localhost"
        || host.ends_with(".localhost")
        || names.iter().any(|name| name == host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hosts_that_no_web_site_can_have_are_local() {
        let names = ["jobs".to_owned()];
        for host in
            ["", "127.0.0.1", "10.1.2.3", "::1", "fe80::1%eth0", "localhost", "localhost.", "a.localhost", "jobs"]
        {
            assert!(is_local(host, &names), "{host}");
        }
        for host in
            ["evil.example", "localhost.evil.example", "notlocalhost", "127.0.0.1.evil.example", "other", "1.2.3"]
        {
            assert!(!is_local(host, &names), "{host}");
        }
    }
}
