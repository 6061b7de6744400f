//! `deputy web`. What it serves is what `deputy-server --http` serves, and tested there.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;

use rustix::process::Signal;

use crate::kit::{Echo, ask, check, command, run, shell, url};
use crate::process::{Process, Server};
use crate::wait::until;

/// Starts it with these words, and returns it once it listens by TCP, and where.
fn start(default_url: &str, words: &[&str]) -> (Process, SocketAddr) {
    let all = [&["web", "--listen", "127.0.0.1:0"], words].concat();
    let web = Process::spawn(&mut command(default_url, &all), None);
    let address = until("the line that says where it serves", || {
        let stderr = web.stderr();
        let address = stderr.lines().find_map(|line| line.split_once("http on 127.0.0.1:")?.1.parse().ok());
        address.map(|port: u16| SocketAddr::from(([127, 0, 0, 1], port)))
    });
    (web, address)
}

/// Returns the head and the body of the answer for a path.
fn get(mut stream: impl Read + Write, path: &str) -> String {
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn it_serves_the_server_of_the_environment() {
    let (server, _worker) = Echo::with_server();
    check(&shell(&server, "seq 10 | $DEPUTY do -l echo >/dev/null"), 0, "", "");
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("web");
    let (web, address) = start(&url(&server), &["--listen", &format!("unix:{}", socket.display())]);
    let metrics = get(TcpStream::connect(address).unwrap(), "/metrics");
    assert!(metrics.contains("\ndeputy_jobs_total{type=\"echo\",outcome=\"done\"} 10\n"), "{metrics}");
    assert!(get(UnixStream::connect(&socket).unwrap(), "/").contains("<title>"));
    web.signal(Signal::TERM);
    let ended = web.ended();
    assert_eq!((ended.status.code(), ended.stdout.as_str()), (Some(0), ""));
    assert!(!socket.exists(), "the socket file is gone");
}

#[test]
fn several_servers_are_distinguished_and_one_that_is_away_is_shown_as_such() {
    let (one, two) = (Server::start(&[]), Server::start(&[]));
    ask(&one).until_metric("connections_open", 1);
    let (_web, address) = start("unix:/nowhere", &["--server", &url(&one), "--server", &url(&two)]);
    let up = |server: &Server, value: u8| {
        let line = format!("\ndeputy_up{{server=\"{}\"}} {value}\n", url(server));
        until(&line, || get(TcpStream::connect(address).unwrap(), "/metrics").contains(&line).then_some(()));
    };
    up(&one, 1);
    up(&two, 1);
    two.kill();
    up(&two, 0);
    up(&one, 1);
    let health = get(TcpStream::connect(address).unwrap(), "/healthz");
    assert!(health.contains(" 503 ") && health.contains(&format!("\r\n\r\n{}: ", url(&two))), "{health}");
    let _again = two.come_back();
    up(&two, 1);
}

#[test]
fn each_metric_of_the_page_is_served_for_each_of_several_servers() {
    let page = include_str!("../../docs/monitoring.md");
    let names = page.lines().filter_map(|line| Some(line.strip_prefix("| `")?.split_once('`')?.0));
    // Only a server itself sees how long a turn takes.
    let names: Vec<&str> = names.filter(|name| name.starts_with("deputy_") && *name != "deputy_shard_stuck").collect();
    assert!(names.len() > 30, "{names:?}");
    let servers = [Server::start(&[]), Server::start(&[])];
    let workers = servers.each_ref().map(Echo::start);
    for server in &servers {
        check(&shell(server, "$DEPUTY do echo 1"), 0, "1\n", "");
    }
    let urls = servers.each_ref().map(url);
    let (_web, address) = start("unix:/nowhere", &["--server", &urls[0], "--server", &urls[1]]);
    for (url, name) in urls.iter().flat_map(|url| names.iter().map(move |name| (url, name))) {
        let starts = ["", "_bucket"].map(|part| format!("\n{name}{part}{{server=\"{url}\""));
        until(&format!("{name} of {url}"), || {
            let metrics = get(TcpStream::connect(address).unwrap(), "/metrics");
            starts.iter().any(|start| metrics.contains(start)).then_some(())
        });
    }
    drop(workers);
}

#[test]
fn wrong_words_are_named() {
    let server = Server::start(&[]);
    for (words, code, line) in [
        (
            &["--listen", "9746"][..],
            2,
            "invalid value '9746' for '--listen': expected HOST:PORT, [IPv6]:PORT or unix:PATH",
        ),
        (&["--server", "a:1", "--server", "tcp://a:1"], 2, "--server tcp://a:1 is given twice"),
        (&["--server", "http://a"], 2, "http://a"),
        (&["--types", "4097"], 2, "invalid value '4097' for '--types': expected "),
        (&["--listen", &url(&server)[6..]], 1, "cannot listen on 127.0.0.1:"),
    ] {
        let ended = run(&server, &[&["web"], words].concat());
        assert!(ended.status.code() == Some(code) && ended.stderr.contains(line), "{ended:?}");
    }
}
