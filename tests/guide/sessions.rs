//! Every session of docs/protocol.md, acted out.

use crate::page;
use crate::process::Via;
use crate::session::Session;

/// The sessions of the page.
fn sessions() -> Vec<Session> {
    let blocks = page::blocks(&page::read("docs/protocol.md"));
    blocks.iter().filter(|block| block.kind == "session").map(Session::parse).collect()
}

#[test]
fn every_session_of_the_protocol_page_happens_as_shown_over_tcp() {
    let sessions = sessions();
    assert!(sessions.len() > 10, "the page has lost its sessions");
    for session in &sessions {
        session.play(Via::Tcp);
    }
}

#[test]
fn every_session_of_the_protocol_page_happens_as_shown_over_a_unix_socket() {
    for session in &sessions() {
        session.play(Via::Unix);
    }
}

#[test]
#[should_panic(expected = "line 2 of the page shows")]
fn a_page_that_is_wrong_in_a_byte_is_found_out() {
    let block = "```session\na> {\"cmd\":\"ping\"}\na< {\"cmd\": \"pong\"}\n```\n";
    let mut block = page::blocks(block).remove(0);
    block.number = 1;
    Session::parse(&block).play(Via::Tcp);
}
