//! An answer, and its bytes. Pure.

use std::fmt::Write as _;
use std::sync::Arc;

use super::date::HttpDate;

/// The media types of the answers.
pub(super) const TEXT: &str = "text/plain; charset=utf-8";
/// See [`TEXT`].
pub(super) const HTML: &str = "text/html; charset=utf-8";
/// See [`TEXT`].
pub(super) const JSON: &str = "application/json";

/// The policy of all answers but the page: no content of them may load or run anything, and no page may frame them. The
/// page itself has a policy with a nonce.
const NOTHING_ALLOWED: &str = "default-src 'none'; frame-ancestors 'none'";

/// An answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::monitor) struct Response {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    /// All connections with the same body share it.
    pub(super) body: Arc<Vec<u8>>,
    /// The policy of the page; `None` for other answers.
    pub(super) policy: Option<String>,
    /// More header fields, each with its line end.
    pub(super) fields: &'static str,
}

impl Response {
    /// Returns an answer for people and probes: one line.
    pub(super) fn line(status: u16, text: &str) -> Self {
        Self::of(status, TEXT, Arc::new(format!("{text}\n").into_bytes()))
    }

    pub(super) fn of(status: u16, content_type: &'static str, body: Arc<Vec<u8>>) -> Self {
        Self { status, content_type, body, policy: None, fields: "" }
    }

    /// Returns the bytes before the body.
    pub(super) fn head(&self, keep_alive: bool, date: HttpDate) -> Vec<u8> {
        let policy = self.policy.as_deref().unwrap_or(NOTHING_ALLOWED);
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        for (name, value) in [
            ("Content-Type", self.content_type),
            ("Content-Security-Policy", policy),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            ("X-Frame-Options", "DENY"),
            ("Referrer-Policy", "no-referrer"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
            ("Cross-Origin-Opener-Policy", "same-origin"),
            ("Connection", if keep_alive { "keep-alive" } else { "close" }),
        ] {
            // Writing to a string cannot fail.
            let _ = write!(head, "{name}: {value}\r\n");
        }
        let _ = write!(head, "{}Content-Length: {}\r\nDate: {date}\r\n\r\n", self.fields, self.body.len());
        head.into_bytes()
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        431 => "Request Header Fields Too Large",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "Unknown",
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn every_answer_forbids_what_no_other_page_may_do() {
        let response = Response { fields: "Allow: GET, HEAD\r\n", ..Response::line(405, "no") };
        let head = String::from_utf8(response.head(true, HttpDate(UNIX_EPOCH))).unwrap();
        let (status, fields) = head.split_once("\r\n").unwrap();
        assert_eq!(status, "HTTP/1.1 405 Method Not Allowed");
        for field in [
            "Content-Type: text/plain; charset=utf-8",
            "Content-Length: 3",
            "Connection: keep-alive",
            "Allow: GET, HEAD",
            "Cache-Control: no-store",
            "X-Content-Type-Options: nosniff",
            "X-Frame-Options: DENY",
            "Referrer-Policy: no-referrer",
            "Cross-Origin-Resource-Policy: same-origin",
            "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'",
            "Date: Thu, 01 Jan 1970 00:00:00 GMT",
        ] {
            assert_eq!(fields.split("\r\n").filter(|line| *line == field).count(), 1, "{field} in {head}");
        }
        assert!(head.ends_with("\r\n\r\n") && !head.contains("Access-Control"));
    }
}
