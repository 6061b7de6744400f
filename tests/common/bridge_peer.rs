//! A bridge that the test plays: it stores and answers durable jobs one by one.
#![allow(dead_code, reason = "each test program uses a part of this")]

use serde_json::Value;

use crate::client::Client;
use crate::process::{Server, Via};

/// See the module.
pub(crate) struct BridgePeer(Client);

impl BridgePeer {
    /// Returns a bridge for the durable jobs of a type, of which the server knows.
    pub(crate) fn start(server: &Server, type_name: &str) -> Self {
        let mut client = server.connect(Via::Tcp, "the bridge");
        client.send(&format!(r#"{{"cmd":"can_do","types":["{type_name}"],"max_jobs":99,"durable":true}}"#));
        client.expect_nothing();
        Self(client)
    }

    /// Returns the next job, with all members of its line.
    pub(crate) fn next_job(&mut self) -> Value {
        serde_json::from_str(&self.0.line()).unwrap()
    }

    /// Returns the number of the next job.
    pub(crate) fn next_number(&mut self) -> Value {
        self.next_job()["job"].take()
    }

    pub(crate) fn store(&mut self, number: &Value) {
        self.0.send(&format!(r#"{{"cmd":"stored","job":{number}}}"#));
    }

    pub(crate) fn report(&mut self, number: &Value, data: &str) {
        self.0.send(&format!(r#"{{"cmd":"progress","job":{number},"data":{data}}}"#));
    }

    /// Answers a job with a result in JSON.
    pub(crate) fn answer(&mut self, number: &Value, res: &str) {
        self.0.send(&format!(r#"{{"cmd":"did","job":{number},"res":{res}}}"#));
    }

    /// Answers a job with an error in JSON.
    pub(crate) fn fail(&mut self, number: &Value, err: &str) {
        self.0.send(&format!(r#"{{"cmd":"did","job":{number},"err":{err}}}"#));
    }

    pub(crate) fn expect_nothing(&mut self) {
        self.0.expect_nothing();
    }
}
