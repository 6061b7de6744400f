//! Which hosts a browser may believe to ask at a loopback address. Pure.
//!
//! A page of any web site can have its own name lead to 127.0.0.1 and then read the answers as if they were its own (DNS
//! rebinding). The browser still sends that name as `Host`. So at a loopback address only names are accepted that no web
//! site can have: IP addresses, `localhost`, and those that the operator has listened on.

use std::net::IpAddr;

/// Returns whether a request at a loopback address that names this host may be answered. `names` are in lower case.
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
