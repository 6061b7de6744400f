//! Reads the head of a request: bytes to a [`Request`], or to the status that refuses it. Pure.
//!
//! The parser follows RFC 9112 where the rules protect a server. It refuses a request with a body, two `Host` fields,
//! an unknown version or a head that is not HTTP. Then the connection is closed, because the bytes after such a head
//! may not be a request. For the same reason a request with any other method than GET and HEAD is the connection's
//! last, whether it has a body or not.

use super::accept::prefers_openmetrics;

/// The parts of a request's head that the server uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::monitor) struct Request {
    pub(super) method: Method,
    /// The path, decoded.
    pub(super) path: String,
    /// The text after the first `?`, not decoded.
    pub(super) query: String,
    /// The host that the client names, without its port. Empty if an HTTP/1.0 client names none.
    pub(super) host: String,
    /// The client prefers OpenMetrics to the older text format.
    pub(super) openmetrics: bool,
    /// The client may send another request on this connection.
    pub(super) keep_alive: bool,
}

/// The methods that the server distinguishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    Head,
    /// Any other method: it is refused, and its connection closed, because a body may follow.
    Other,
}

/// Why a head is refused. The connection is closed after the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) reason: &'static str,
}

/// The meaning of the bytes so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    /// The beginning of a head.
    Partial,
    /// A head of this many bytes.
    Whole(Request, usize),
    Refused(Refusal),
}

/// The most fields of a head: more than browsers and proxies send.
const FIELDS_MAX: usize = 64;

/// Reads the head at the start of `bytes`.
pub(super) fn parse(bytes: &[u8]) -> Parsed {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut head = httparse::Request::new(&mut fields);
    match head.parse(bytes) {
        Ok(httparse::Status::Partial) => Parsed::Partial,
        Ok(httparse::Status::Complete(length)) => match request(&head) {
            Ok(request) => Parsed::Whole(request, length),
            Err(refusal) => Parsed::Refused(refusal),
        },
        Err(httparse::Error::TooManyHeaders) => refused(431, "the request has too many header fields"),
        Err(httparse::Error::Version) => refused(505, "only HTTP/1.0 and HTTP/1.1 are supported"),
        Err(_) => refused(400, "the request is not HTTP"),
    }
}

fn refused(status: u16, reason: &'static str) -> Parsed {
    Parsed::Refused(Refusal { status, reason })
}

fn request(head: &httparse::Request<'_, '_>) -> Result<Request, Refusal> {
    let bad = |reason| Refusal { status: 400, reason };
    let is_11 = head.version == Some(1);
    let mut request = Request {
        method: match head.method {
            Some("GET") => Method::Get,
            Some("HEAD") => Method::Head,
            _ => Method::Other,
        },
        path: String::new(),
        query: String::new(),
        host: String::new(),
        openmetrics: false,
        keep_alive: is_11,
    };
    let may_have_body = request.method == Method::Other;
    let mut hosts = 0;
    let mut accepts = Vec::new();
    for field in head.headers.iter() {
        let value = field.value.trim_ascii();
        let is = |name: &str| field.name.eq_ignore_ascii_case(name);
        if is("host") {
            hosts += 1;
            request.host = host_of(value).ok_or(bad("the Host field is not a host"))?;
        } else if (is("transfer-encoding") || is("content-length") && value != b"0") && !may_have_body {
            return Err(bad("GET and HEAD have no body here"));
        } else if is("connection") {
            for token in tokens(value) {
                if token.eq_ignore_ascii_case(b"close") {
                    request.keep_alive = false;
                } else if token.eq_ignore_ascii_case(b"keep-alive") && !is_11 {
                    request.keep_alive = true;
                }
            }
        } else if is("accept") {
            accepts.push(value);
        }
    }
    if hosts > 1 || hosts == 0 && is_11 {
        return Err(bad("the request must have one Host field"));
    }
    request.keep_alive &= !may_have_body;
    request.openmetrics = prefers_openmetrics(accepts.iter().flat_map(|value| tokens(value)));
    let target = head.path.unwrap_or_default();
    let (authority, path) = split_target(target);
    if let Some(authority) = authority {
        request.host = host_of(authority.as_bytes()).ok_or(bad("the request target is not a URL"))?;
    }
    let path = path.split_once('#').map_or(path, |(path, _)| path); // No client may send it; none must be misled by it.
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    request.path = decode(path).ok_or(bad("the path is not percent-encoded UTF-8"))?;
    query.clone_into(&mut request.query);
    Ok(request)
}

/// Returns the members of a list with commas, without the space around them.
fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

/// Returns the authority of an absolute target, and the path with the query.
fn split_target(target: &str) -> (Option<&str>, &str) {
    let scheme_ends = target.find("://").filter(|at| target[..*at].bytes().all(|byte| byte.is_ascii_alphabetic()));
    let Some(at) = scheme_ends else { return (None, target) };
    let rest = &target[at + 3..];
    let path_begins = rest.find(['/', '?']).unwrap_or(rest.len());
    let path = &rest[path_begins..];
    (Some(&rest[..path_begins]), if path.is_empty() { "/" } else { path })
}

/// Returns the host of `HOST`, `HOST:PORT` or `[IPv6]:PORT`, in lower case and without brackets.
fn host_of(value: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(value).ok()?;
    let (host, rest) = match text.strip_prefix('[') {
        Some(ipv6) => ipv6.split_once(']')?,
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let port = if rest.is_empty() { "" } else { rest.strip_prefix(':')? };
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"._-~%:".contains(&byte);
    (host.bytes().all(is_host) && port.bytes().all(|byte| byte.is_ascii_digit())).then(|| host.to_ascii_lowercase())
}

/// Decodes percent-encoding. Returns `None` if the encoding is wrong, or if the result is not UTF-8.
pub(super) fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2)?;
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        bytes.push(digit(digits[0])? << 4 | digit(digits[1])?);
        rest = after;
    }
    String::from_utf8(bytes).ok()
}

/// Returns the values of a query's parameter, decoded, in order. A value that is wrongly encoded is `None`.
pub(super) fn parameters<'a>(query: &'a str, name: &'a str) -> impl Iterator<Item = Option<String>> + 'a {
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.filter(move |(key, _)| decode(key).as_deref() == Some(name)).map(|(_, value)| decode(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Request {
        match parse(text.as_bytes()) {
            Parsed::Whole(request, length) => {
                assert_eq!(length, text.len());
                request
            }
            other => panic!("{text:?}: {other:?}"),
        }
    }

    #[track_caller]
    fn refuse(text: &str, status: u16) {
        match parse(text.as_bytes()) {
            Parsed::Refused(refusal) => assert_eq!(refusal.status, status, "{text:?}: {}", refusal.reason),
            other => panic!("{text:?}: {other:?}"),
        }
    }

    #[test]
    fn a_request_is_read_at_every_cut() {
        let text = "GET /status.json?type=a HTTP/1.1\r\nHost: jobs:9100\r\nAccept: text/plain\r\n\r\n";
        for cut in 0..text.len() {
            assert_eq!(parse(&text.as_bytes()[..cut]), Parsed::Partial, "{cut}");
        }
        let request = whole(text);
        assert_eq!(
            (request.method, request.path.as_str(), request.query.as_str()),
            (Method::Get, "/status.json", "type=a")
        );
        assert_eq!((request.host.as_str(), request.openmetrics, request.keep_alive), ("jobs", false, true));
    }

    #[test]
    fn the_next_request_is_left() {
        let text = "HEAD / HTTP/1.1\r\nHost: a\r\n\r\nGET /";
        let Parsed::Whole(request, length) = parse(text.as_bytes()) else { panic!() };
        assert_eq!((request.method, &text[length..]), (Method::Head, "GET /"));
    }

    #[test]
    fn what_keeps_a_connection_open() {
        for (version, field, expected) in [
            ("1.1", "", true),
            ("1.1", "Connection: close\r\n", false),
            ("1.1", "connection: TE, Close\r\n", false),
            ("1.1", "Connection: keep-alive\r\n", true),
            ("1.0", "", false),
            ("1.0", "Connection: Keep-Alive\r\n", true),
            ("1.0", "Connection: close\r\n", false),
        ] {
            let text = format!("GET / HTTP/{version}\r\nHost: a\r\n{field}\r\n");
            assert_eq!(whole(&text).keep_alive, expected, "{text}");
        }
    }

    #[test]
    fn targets_of_every_form() {
        for (target, host, path, query) in [
            ("/", "h", "/", ""),
            ("/?", "h", "/", ""),
            ("/a%20b?x=%20&y", "h", "/a b", "x=%20&y"),
            ("http://other:80/metrics", "other", "/metrics", ""),
            ("HTTP://other", "other", "/", ""),
            ("http://other?x", "other", "?x".split('?').next().unwrap(), "x"),
            ("http://[::1]:8080/x", "::1", "/x", ""),
            ("/x?u=http://y/", "h", "/x", "u=http://y/"),
            ("*", "h", "*", ""),
            ("/x#y", "h", "/x", ""),
        ] {
            let request = whole(&format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n"));
            assert_eq!(
                (request.host.as_str(), request.path.as_str(), request.query.as_str()),
                (host, path, query),
                "{target}"
            );
        }
    }

    #[test]
    fn hosts_lose_their_port() {
        for (value, host) in
            [("a.B", "a.b"), ("127.0.0.1:1", "127.0.0.1"), ("[::1]:2", "::1"), ("[::1]", "::1"), ("", "")]
        {
            assert_eq!(whole(&format!("GET / HTTP/1.1\r\nHost: {value}\r\n\r\n")).host, host);
        }
    }

    #[test]
    fn what_is_wrong_is_refused() {
        for head in [
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
            "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /%f HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /%ff HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET\r\n\r\n",
            "GET /\r\n\r\n",
            "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n folded: b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\0\r\n\r\n",
            "\x16\x03\x01\x02\0\x01\0\x01\u{fc}\x03\x03",
            "{\"cmd\":\"ping\"}\n",
        ] {
            refuse(head, 400);
        }
        refuse("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 505);
        refuse("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505);
        let many = "a: b\r\n".repeat(FIELDS_MAX + 1);
        refuse(&format!("GET / HTTP/1.1\r\n{many}\r\n"), 431);
    }

    #[test]
    fn another_method_is_a_connections_last_request_with_or_without_a_body() {
        for fields in ["", "Content-Length: 3\r\n", "Transfer-Encoding: chunked\r\n", "Connection: keep-alive\r\n"] {
            for method in ["POST", "PUT", "DELETE", "OPTIONS", "get"] {
                for version in ["1.0", "1.1"] {
                    let request = whole(&format!("{method} / HTTP/{version}\r\nHost: a\r\n{fields}\r\n"));
                    assert_eq!((request.method, request.keep_alive), (Method::Other, false), "{method} {fields}");
                }
            }
        }
    }

    #[test]
    fn parameters_are_decoded() {
        let values = |query| parameters(query, "type").collect::<Vec<_>>();
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(values("type=a"), [some("a")]);
        assert_eq!(values("x=1&type=%22%0A%F0%9F%98%80+&ty%70e="), [some("\"\n\u{1f600}+"), some("")]);
        assert_eq!(values("type"), [some("")]);
        assert_eq!(values("type=%ff&type=%"), [None, None]);
        assert_eq!(values("types=a&TYPE=b"), []);
    }
}
