//! A server that is in a state which a real one is in for a moment only, or never.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use serde_json::{Value, json};

/// Starts a server that answers every question with these metrics; its URL. It ends with the test program.
pub(crate) fn reporting(metrics: &Value) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("tcp://{}", listener.local_addr().unwrap());
    let line = json!({ "cmd": "metrics", "metrics": metrics }).to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let line = line.clone();
            thread::spawn(move || answer(&stream.unwrap(), &line));
        }
    });
    url
}

/// Until the client leaves.
fn answer(mut stream: &TcpStream, line: &str) {
    for question in BufReader::new(stream).lines().map_while(Result::ok) {
        let line = if question.contains("metrics") { line } else { r#"{"cmd":"pong"}"# };
        if write!(stream, "{line}\r\n").is_err() {
            return;
        }
    }
}
