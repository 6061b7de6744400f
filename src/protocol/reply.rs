//! What the server says, and its bytes. Members stand in the order of docs/protocol.md, without white space outside
//! of carried values, and every line ends with CRLF.

use super::Code;

/// One line to a peer. What is text here is JSON already: it is copied, never encoded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reply<'a> {
    /// To a worker: do this job.
    Do {
        /// The submitter's id, as it came.
        id: &'a str,
        /// The type's canonical text, without its quotes.
        type_name: &'a str,
        /// The job's number, for workers that gave `max_jobs`.
        job: Option<u64>,
        /// The argument, as it came; none where the submitter gave none.
        arg: Option<&'a str>,
    },
    /// To a submitter: done.
    Done {
        /// The submitter's id, as it came.
        id: &'a str,
        /// The result, as it came; none where the worker gave none.
        res: Option<&'a str>,
    },
    /// To a submitter: it will not be done.
    Failed {
        /// The submitter's id, as it came.
        id: &'a str,
        /// The worker's own value, or a JSON string for people: a whole JSON value, quotes included.
        err: &'a str,
        /// Why.
        code: Code,
    },
    /// A line was not obeyed.
    Error {
        /// Why.
        code: Code,
        /// For people: the inside of a JSON string, escapes applied.
        text: &'a str,
        /// The line's id, where one could be read.
        id: Option<&'a str>,
    },
    /// The metrics.
    Metrics {
        /// A whole JSON object.
        metrics: &'a str,
    },
    /// The answer to `ping`.
    Pong,
}

impl Reply<'_> {
    /// The length of the encoded line in bytes, its end included.
    #[expect(clippy::len_without_is_empty, reason = "no line is empty")]
    pub fn len(&self) -> usize {
        let mut len = 0;
        self.pieces(|piece| len += piece.len());
        len
    }

    /// Appends the line to `out`, with its end. Room is made once.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.reserve(self.len());
        self.pieces(|piece| out.extend_from_slice(piece));
    }

    /// The line in pieces, in order: the one place that knows what lines look like.
    fn pieces(&self, mut put: impl FnMut(&[u8])) {
        match *self {
            Reply::Do { id, type_name, job, arg } => {
                put(br#"{"cmd":"do","id":"#);
                put(id.as_bytes());
                put(br#","type":""#);
                put(type_name.as_bytes());
                put(br#"""#);
                if let Some(job) = job {
                    put(br#","job":"#);
                    put(itoa::Buffer::new().format(job).as_bytes());
                }
                put_member(&mut put, br#","arg":"#, arg);
            }
            Reply::Done { id, res } => {
                put(br#"{"cmd":"did","id":"#);
                put(id.as_bytes());
                put_member(&mut put, br#","res":"#, res);
            }
            Reply::Failed { id, err, code } => {
                put(br#"{"cmd":"did","id":"#);
                put(id.as_bytes());
                put(br#","err":"#);
                put(err.as_bytes());
                put(br#","code":""#);
                put(code.name().as_bytes());
                put(br#"""#);
            }
            Reply::Error { code, text, id } => {
                put(br#"{"cmd":"error","code":""#);
                put(code.name().as_bytes());
                put(br#"","error":""#);
                put(text.as_bytes());
                put(br#"""#);
                put_member(&mut put, br#","id":"#, id);
            }
            Reply::Metrics { metrics } => {
                put(br#"{"cmd":"metrics","metrics":"#);
                put(metrics.as_bytes());
            }
            Reply::Pong => put(br#"{"cmd":"pong""#),
        }
        put(b"}\r\n");
    }
}

/// Puts a member that may be absent: `name` with what stands around it, then its value.
fn put_member(put: &mut impl FnMut(&[u8]), name: &[u8], value: Option<&str>) {
    if let Some(value) = value {
        put(name);
        put(value.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Replies of every shape, and their lines without the end.
    fn rows() -> Vec<(Reply<'static>, &'static str)> {
        let (id, type_name) = ("1", "t");
        vec![
            (Reply::Do { id, type_name, job: None, arg: None }, r#"{"cmd":"do","id":1,"type":"t"}"#),
            (
                Reply::Do { id: r#""\u0061""#, type_name: r#"\"\\"#, job: None, arg: Some("null") },
                r#"{"cmd":"do","id":"\u0061","type":"\"\\","arg":null}"#,
            ),
            (Reply::Do { id, type_name, job: Some(0), arg: None }, r#"{"cmd":"do","id":1,"type":"t","job":0}"#),
            (
                Reply::Do { id, type_name, job: Some((1 << 53) - 1), arg: Some(r#"{ "a" : [1e400, -0] }"#) },
                r#"{"cmd":"do","id":1,"type":"t","job":9007199254740991,"arg":{ "a" : [1e400, -0] }}"#,
            ),
            (
                Reply::Do { id, type_name, job: Some(u64::MAX), arg: None },
                r#"{"cmd":"do","id":1,"type":"t","job":18446744073709551615}"#,
            ),
            (Reply::Done { id: "1e400", res: None }, r#"{"cmd":"did","id":1e400}"#),
            (Reply::Done { id, res: Some("2.50") }, r#"{"cmd":"did","id":1,"res":2.50}"#),
            (
                Reply::Failed { id, err: r#"{"why":1}"#, code: Code::Failed },
                r#"{"cmd":"did","id":1,"err":{"why":1},"code":"failed"}"#,
            ),
            (
                Reply::Error { code: Code::BadJson, text: r#"a \"b\""#, id: None },
                r#"{"cmd":"error","code":"bad_json","error":"a \"b\""}"#,
            ),
            (
                Reply::Error { code: Code::NotHolding, text: "x", id: Some(r#""j""#) },
                r#"{"cmd":"error","code":"not_holding","error":"x","id":"j"}"#,
            ),
            (Reply::Metrics { metrics: r#"{"up_since":0}"# }, r#"{"cmd":"metrics","metrics":{"up_since":0}}"#),
            (Reply::Pong, r#"{"cmd":"pong"}"#),
        ]
    }

    #[test]
    fn members_stand_in_the_order_of_the_protocol() {
        for (reply, line) in rows() {
            let mut out = Vec::new();
            reply.encode(&mut out);
            assert_eq!(String::from_utf8(out).unwrap(), format!("{line}\r\n"));
        }
    }

    #[test]
    fn the_length_is_that_of_the_encoded_line() {
        for (reply, line) in rows() {
            assert_eq!(reply.len(), line.len() + 2, "{line}");
        }
    }

    #[test]
    fn lines_are_appended_to_what_is_there() {
        let mut out = b"before".to_vec();
        Reply::Pong.encode(&mut out);
        Reply::Pong.encode(&mut out);
        assert_eq!(out, b"before{\"cmd\":\"pong\"}\r\n{\"cmd\":\"pong\"}\r\n");
    }

    #[test]
    fn every_code_has_its_name() {
        let codes = [Code::TooLong, Code::BadRequest, Code::UnknownCmd, Code::GaveUp, Code::QueueFull, Code::Shutdown];
        let names = ["too_long", "bad_request", "unknown_cmd", "gave_up", "queue_full", "shutdown"];
        for (code, name) in codes.into_iter().zip(names) {
            let mut out = Vec::new();
            Reply::Failed { id: "0", err: "null", code }.encode(&mut out);
            assert_eq!(out, format!("{{\"cmd\":\"did\",\"id\":0,\"err\":null,\"code\":\"{name}\"}}\r\n").as_bytes());
        }
    }
}
