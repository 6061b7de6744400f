//! The limits on lines, half-lines and memory. Output that its peer does not read is in `unread`.

use std::sync::{Mutex, PoisonError};

use rustix::process::{Resource, getrlimit};

use super::fixture::bystanders::Bystanders;
use super::fixture::net::{Net, everywhere, over_both};
use crate::client::Client;
use crate::figures::show;
use crate::programs::pass_over;
use crate::scale::scaled;

/// Returns a `ping` of this many bytes, its end not counted.
fn ping_of(bytes: usize) -> String {
    let rest = bytes - r#"{"cmd":"ping","":""}"#.len();
    format!(r#"{{"cmd":"ping","":"{}"}}"#, "x".repeat(rest))
}

#[test]
fn f21_the_tail_of_a_line_that_is_too_long_is_never_obeyed() {
    everywhere(&["--max-line", "1K"], |net| {
        let mut client = net.connect("the client");
        client.expect_nothing();
        let job = r#"{"cmd":"do","id":1,"type":"t"}"#;
        client.send_bytes(format!("{}{}\n{job}\n", " ".repeat(1000), ping_of(100)).as_bytes());
        client.expect_error("too_long", None);
        client.try_send_bytes(format!("{job}\n").repeat(1000).as_bytes());
        client.expect_closed();
        let metrics = net.connect("the observer").metrics();
        assert_eq!(metrics["jobs_added"], 0);
        assert_eq!(metrics["protocol_errors"], 1);
    });
}

#[test]
fn a_job_of_many_megabytes_goes_through_and_back() {
    let payload = "0123456789abcdef".repeat(128 << 10);
    everywhere(&[], |net| {
        let (mut client, mut worker) = (net.connect("the client"), net.connect("the worker"));
        worker.send(r#"{"cmd":"can_do","types":["t"]}"#);
        client.send(&format!(r#"{{"cmd":"do","id":1,"type":"t","arg":"{payload}"}}"#));
        worker.expect(&format!(r#"{{"cmd":"do","id":1,"type":"t","arg":"{payload}"}}"#));
        worker.send(&format!(r#"{{"cmd":"did","id":1,"res":"{payload}"}}"#));
        client.expect(&format!(r#"{{"cmd":"did","id":1,"res":"{payload}"}}"#));
        client.until_metric("jobs_running", 0);
        client.until_little_is_held();
    });
}

fn submit(client: &mut Client, id: usize, arg: &str) {
    client.send(&format!(r#"{{"cmd":"do","id":{id},"type":"t","arg":"{arg}"}}"#));
}

#[test]
fn a_job_beyond_the_memory_budget_is_refused_and_what_waits_is_done() {
    let arg = "x".repeat(100 << 10);
    everywhere(&["--max-memory", "1M"], |net| {
        let mut client = net.connect("the client");
        for id in 0..20 {
            submit(&mut client, id, &arg);
        }
        let refused: Vec<usize> = (0..20).filter(|&id| id >= 10).collect();
        for id in &refused {
            let answer = client.line();
            assert!(answer.starts_with(&format!(r#"{{"cmd":"did","id":{id},"err":""#)), "{answer}");
            assert!(answer.ends_with(r#","code":"queue_full"}"#), "{answer}");
        }
        client.expect_nothing();
        client.until_metric("jobs_waiting", 10);
        let metrics = client.metrics();
        assert_eq!(metrics["jobs_refused"], refused.len());
        let (held, budget) = (metrics["bytes_held"].as_u64().unwrap(), metrics["bytes_max"].as_u64().unwrap());
        assert!((10 * arg.len() as u64..=budget).contains(&held), "{held} of {budget}");

        let mut worker = net.connect("the worker");
        worker.send(r#"{"cmd":"can_do","types":["t"]}"#);
        for id in 0..10 {
            worker.expect(&format!(r#"{{"cmd":"do","id":{id},"type":"t","arg":"{arg}"}}"#));
            worker.send(&format!(r#"{{"cmd":"did","id":{id}}}"#));
            client.expect(&format!(r#"{{"cmd":"did","id":{id}}}"#));
        }
        submit(&mut client, 20, &arg);
        worker.expect(&format!(r#"{{"cmd":"do","id":20,"type":"t","arg":"{arg}"}}"#));
    });
}

#[test]
fn other_work_goes_on_while_the_queue_is_full() {
    let arg = "x".repeat(200 << 10);
    everywhere(&["--max-memory", "1M"], |net| {
        let (mut client, mut other) = (net.connect("the client"), net.connect("the other client"));
        let mut worker = net.connect("the other worker");
        worker.send(r#"{"cmd":"can_do","types":["small"]}"#);
        for id in 0..6 {
            submit(&mut client, id, &arg);
        }
        assert!(client.line().ends_with(r#","code":"queue_full"}"#));
        for id in 0..50 {
            other.send(&format!(r#"{{"cmd":"do","id":{id},"type":"small"}}"#));
            worker.expect(&format!(r#"{{"cmd":"do","id":{id},"type":"small"}}"#));
            worker.send(&format!(r#"{{"cmd":"did","id":{id}}}"#));
            other.expect(&format!(r#"{{"cmd":"did","id":{id}}}"#));
        }
    });
}

#[test]
fn f22_half_a_line_beyond_the_memory_budget_is_cut_off_and_others_live_on() {
    everywhere(&["--max-memory", "1M"], |net| {
        let mut idle: Vec<_> = (0..4).map(|_| net.connect("an idle client")).collect();
        idle.iter_mut().for_each(Client::expect_nothing);
        let mut greedy = net.connect("the greedy client");
        greedy.expect_nothing();
        greedy.send_bytes(br#"{"cmd":"do","id":1,"type":"t","arg":""#);
        greedy.try_send_bytes(&vec![b'x'; 3 << 20]);
        greedy.expect_error("queue_full", None);
        greedy.expect_closed();
        idle.iter_mut().for_each(Client::expect_nothing);
        idle[0].until_metric("connections_open", 4);
        idle[0].until_little_is_held();
        assert_eq!(idle[0].metrics()["jobs_added"], 0);
    });
}

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
