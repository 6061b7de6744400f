//! Peers that speak another protocol, by accident or on purpose: the server closes them at their first byte or line, and
//! obeys nothing that they send.

use crate::server::fixture::bystanders::Bystanders;
use crate::server::fixture::net::{Net, everywhere};

const PING: &str = r#"{"cmd":"ping"}"#;

/// A whole job, as a line of its own in what a stranger says.
const JOB: &str = r#"{"cmd":"do","id":1,"type":"t","arg":"smuggled"}"#;

/// Checks that a stranger receives `bad_json` and is closed, whatever it sends after its first byte or line.
fn check_stranger(net: &Net, name: &str, bytes: &[u8]) {
    let mut stranger = net.connect(name);
    stranger.send_bytes(bytes);
    stranger.try_send_bytes(format!("{JOB}\n{PING}\r\n").repeat(100).as_bytes());
    stranger.expect_error("bad_json", None);
    stranger.expect_closed();
}

/// Connects strangers one after the other. None of them may submit a job, and other connections are served.
fn check_strangers(strangers: &[(&str, &[u8])]) {
    everywhere(&[], |net| {
        let mut bystanders = Bystanders::new(net);
        for (name, bytes) in strangers {
            check_stranger(net, name, bytes);
            bystanders.are_served();
        }
        let metrics = net.connect("the observer").metrics();
        assert_eq!(metrics["jobs_added"], 1 + strangers.len(), "jobs of the bystanders, and no others");
        assert_eq!(metrics["jobs_refused"], 0);
        assert_eq!(metrics["protocol_errors"], strangers.len());
    });
}

#[test]
fn f30_a_browser_gets_no_further_than_its_first_byte() {
    let post = format!(
        "POST / HTTP/1.1\r\nHost: localhost:11746\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n\r\n{JOB}\r\n",
        JOB.len() + 4
    );
    check_strangers(&[
        ("GET", b"GET / HTTP/1.1\r\nHost: localhost:11746\r\n\r\n"),
        ("GET with a job in its path", b"GET /\n{\"cmd\":\"do\",\"id\":1,\"type\":\"t\"}\n HTTP/1.0\r\n\r\n"),
        ("POST with a job in its body", post.as_bytes()),
        ("OPTIONS", b"OPTIONS * HTTP/1.1\r\nOrigin: http://example.org\r\n\r\n"),
        ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x12\x04\0\0\0\0\0"),
        ("a WebSocket's frame", b"\x81\xfe\0\x7e{}{}"),
    ]);
}

#[test]
fn f30_a_tls_client_gets_no_further_than_its_first_byte() {
    // A ClientHello of TLS 1.2 with a server name, as far as it matters here.
    let hello = [
        b"\x16\x03\x01\0\x57\x01\0\0\x53\x03\x03".as_slice(),
        &[0x0a; 32],
        b"\0\0\x04\x13\x01\x13\x02\x01\0\0\x26\0\0\0\x0e\0\x0c\0\0\x09localhost",
        b"\0\x0a\0\x04\0\x02\0\x1d\0\x0b\0\x02\x01\0",
    ];
    check_strangers(&[("a TLS client", &hello.concat()), ("one of SSL 2", b"\x80\x2e\x01\0\x02\0\x15\0\0\0\x10")]);
}

#[test]
fn f30_clients_of_other_job_servers_get_no_further_than_their_first_byte() {
    let mut submit = b"\0REQ\0\0\0\x07\0\0\0\x33t\0\0".to_vec(); // SUBMIT_JOB: function, no id, workload.
    submit.extend_from_slice(JOB.as_bytes());
    check_strangers(&[
        ("Redis", b"*1\r\n$4\r\nPING\r\n"),
        ("Redis inline", b"PING\r\n"),
        ("Redis with a job", b"*3\r\n$5\r\nLPUSH\r\n$1\r\nq\r\n$32\r\n\n{\"cmd\":\"do\",\"id\":1,\"type\":\"t\"}\r\n"),
        ("gearman's ECHO_REQ", b"\0REQ\0\0\0\x10\0\0\0\x01t"),
        ("gearman's CAN_DO", b"\0REQ\0\0\0\x01\0\0\0\x01t"),
        ("gearman's SUBMIT_JOB", &submit),
        ("gearman's admin", b"status\n"),
        ("beanstalkd", b"put 0 0 60 32\r\n{\"cmd\":\"do\",\"id\":1,\"type\":\"t\"}\r\n"),
        ("NATS", b"CONNECT {}\r\nPUB t 5\r\nhello\r\n"),
        ("AMQP", b"AMQP\0\0\x09\x01"),
        ("SSH", b"SSH-2.0-OpenSSH_9.2\r\n"),
        ("SMTP", b"EHLO localhost\r\n"),
    ]);
}

#[test]
fn f30_other_json_gets_no_further_than_its_first_byte() {
    check_strangers(&[
        ("a byte order mark", b"\xef\xbb\xbf{\"cmd\":\"ping\"}\n"),
        ("UTF-16", b"\xff\xfe{\0\"\0"),
        ("an array", b"[{\"cmd\":\"ping\"}]\n"),
        ("a string", b"\"ping\"\n"),
        ("after empty lines", b"\r\n \t\n\tx"),
        ("a lone CR", b"\rx"),
    ]);
}

#[test]
fn f30_the_first_byte_alone_is_enough() {
    everywhere(&[], |net| {
        for byte in [b"G", b"P", b"\x16", b"*", b"\0"] {
            let mut stranger = net.connect("a stranger");
            stranger.send_bytes(byte);
            stranger.expect_error("bad_json", None);
            stranger.expect_closed();
        }
    });
}

#[test]
fn f30_a_first_line_that_is_not_json_closes_the_connection_and_nothing_after_it_is_obeyed() {
    check_strangers(&[
        ("a word", b"{hello}\n"),
        ("half an object", b"{\"cmd\":\"ping\"\n"),
        ("more than an object", b"{\"cmd\":\"ping\"} x\n"),
        ("a CR", b"{\"a\":\r1}\n"),
        ("after empty lines", b"\r\n\n{hello}\r\n"),
        ("a block of code", b"{\n"),
    ]);
}
