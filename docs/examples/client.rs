//! A client of the server that `DEPUTY_URL` names: submits some jobs at once, and prints their answers in that order.
#![allow(clippy::print_stdout, reason = "a program for a terminal")]

use deputy::client::{Client, ConnectError};
use serde_json::{Value, json};

fn main() -> Result<(), ConnectError> {
    let client = Client::from_env()?;
    let jobs = [("shout", json!("hello")), ("add", json!([1, 2, 3])), ("add", json!(["one", 2]))];
    let handles = jobs.each_ref().map(|(type_name, arg)| client.submit::<_, Value>(type_name, arg));
    for ((type_name, arg), handle) in jobs.iter().zip(handles) {
        match handle.wait() {
            Ok(result) => println!("{type_name} {arg} -> {result}"),
            Err(error) => println!("{type_name} {arg} -> {error}"),
        }
    }
    Ok(())
}
