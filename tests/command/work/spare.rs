//! `deputy work --spare`: a worker that helps out.

use crate::kit::{check, run, start, work};
use crate::process::{Server, Via};

#[test]
fn a_spare_worker_gets_jobs_while_the_ordinary_one_is_busy() {
    // One shard, so that it knows both workers when the first job comes.
    let server = Server::start(&["--threads", "1"]);
    let _spare = work(&server, &["--spare", "t", "u"], "echo spare");
    let mut ordinary = server.connect(Via::Tcp, "an ordinary worker");
    ordinary.send(r#"{"cmd":"can_do","types":["t"],"max_jobs":1}"#);
    ordinary.expect_nothing();
    let first = start(&server, &["do", "t"]);
    assert!(ordinary.line().starts_with(r#"{"cmd":"do","#));
    for type_name in ["t", "u"] {
        check(&run(&server, &["do", "-r", type_name]), 0, "spare\n", "");
    }
    assert_eq!(first.status(), None);
}
