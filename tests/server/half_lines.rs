//! Connections by the thousand that each hold half a line: they count in the memory budget, and past it the oldest go.

use std::sync::{Mutex, PoisonError};

use rustix::process::{Resource, getrlimit};

use super::bystanders::Bystanders;
use super::net::{Net, over_both};
use crate::client::Client;
use crate::figures::show;
use crate::programs::pass_over;
use crate::scale::scaled;

/// The least budget there is.
const BUDGET_BYTES: usize = 1 << 20;

/// Those who hold half a line, in the order in which they began it; together twice the budget.
fn hold_half_lines(net: &Net, count: usize) -> Vec<Client> {
    let half = format!("{{\"cmd\":\"{}", "x".repeat(half_line_bytes(count) - r#"{"cmd":""#.len()));
    let hold = |nth: usize| {
        let mut client = net.connect(&format!("the half-line {nth}"));
        client.send_bytes(format!("{{\"cmd\":\"ping\"}}\n{half}").as_bytes());
        client.expect(r#"{"cmd":"pong"}"#); // What came with the ping is there.
        client
    };
    (0..count).map(hold).collect()
}

fn half_line_bytes(count: usize) -> usize {
    2 * BUDGET_BYTES / count
}

/// Whether it still holds its half-line. If so it ends it, and is answered.
fn ends_its_line(client: &mut Client) -> bool {
    client.try_send_bytes(b"\"}\n");
    let line = client.line();
    if line.contains(r#""code":"queue_full""#) {
        client.expect_closed();
        return false;
    }
    assert!(line.contains(r#""code":"unknown_cmd""#), "{line}");
    client.expect_nothing();
    true
}

/// There are not descriptors enough for two tests of these at once.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// How many connections this test makes, or none where there are not enough descriptors for them.
fn count() -> Option<usize> {
    let count = scaled(10_000);
    // As many here as in the server; and other tests run at the same time.
    deputy::server::raise_descriptor_limit().unwrap();
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    if limit < 2 * count as u64 {
        pass_over(&format!("{limit} descriptors are too few for {count} connections beside other tests"));
    }
    (limit >= 2 * count as u64).then_some(count)
}

#[test]
fn f22_of_half_lines_past_the_budget_the_oldest_are_cut_off_and_idle_connections_live_on() {
    let Some(count) = count() else { return };
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    over_both(&["--max-memory", "1M", "--threads", "1"], |net| {
        let mut bystanders = Bystanders::new(net);
        let mut idle: Vec<Client> = (0..100).map(|_| net.connect("an idle client")).collect();
        idle.iter_mut().for_each(Client::expect_nothing);
        let mut holders = hold_half_lines(net, count);
        let held = bytes_held(net);
        assert!((BUDGET_BYTES / 2..=BUDGET_BYTES).contains(&held), "{held} bytes are held");
        bystanders.are_served();

        let lives: Vec<bool> = holders.iter_mut().map(ends_its_line).collect();
        let cut_off = lives.iter().take_while(|lives| !**lives).count();
        assert!(lives[cut_off..].iter().all(|&lives| lives), "the oldest were cut off, and no others");
        let fit = BUDGET_BYTES / half_line_bytes(count);
        assert!((count - fit..=count - fit + 10).contains(&cut_off), "{cut_off} of {count} were cut off, {fit} fit");
        show(format_args!("{cut_off} of {count} were cut off, {held} bytes held by the others"));
        idle.iter_mut().for_each(Client::expect_nothing);
        bystanders.are_served();
    });
}

#[test]
fn f22_shards_together_hold_no_more_half_lines_than_the_budget_allows() {
    let Some(count) = count() else { return };
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    over_both(&["--max-memory", "1M", "--threads", "4"], |net| {
        let mut bystanders = Bystanders::new(net);
        let mut holders = hold_half_lines(net, count);
        let held = bytes_held(net);
        assert!((BUDGET_BYTES / 2..=BUDGET_BYTES).contains(&held), "{held} bytes are held");
        bystanders.are_served();
        let live = holders.iter_mut().filter_map(|client| ends_its_line(client).then_some(())).count();
        let fit = BUDGET_BYTES / half_line_bytes(count);
        assert!((fit / 2..=fit).contains(&live), "{live} of {count} live, {fit} fit");
        show(format_args!("{} of {count} were cut off, {held} bytes held by the others", count - live));
        bystanders.are_served();
    });
}

fn bytes_held(net: &Net) -> usize {
    let held = net.connect("the observer").metrics()["bytes_held"].as_u64().unwrap();
    usize::try_from(held).unwrap()
}
