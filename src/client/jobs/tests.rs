//! What lines of the server mean for what is open: tables, without a socket.

use super::*;

/// A session with a way to see what it said and what came of what was asked.
#[derive(Default)]
struct Desk {
    jobs: Jobs,
    said: Vec<u8>,
}

impl Desk {
    fn submit(&mut self, id: u64) -> Arc<Slot> {
        let slot = Arc::new(Slot::default());
        self.jobs.submit(id, format!("do {id}\n").as_bytes(), Arc::clone(&slot), &mut self.said);
        slot
    }

    fn ping(&mut self) -> Arc<Slot> {
        let slot = Arc::new(Slot::default());
        self.jobs.ping(Arc::clone(&slot), &mut self.said);
        slot
    }

    fn metrics(&mut self, line: &str) -> Arc<Slot> {
        let slot = Arc::new(Slot::default());
        self.jobs.metrics(format!("{line}\n").into_bytes(), Arc::clone(&slot), &mut self.said);
        slot
    }

    fn hear(&mut self, line: &str) {
        self.jobs.heard(Said::read(line.as_bytes()).unwrap(), &mut self.said).unwrap();
    }

    fn said(&mut self) -> String {
        String::from_utf8(std::mem::take(&mut self.said)).unwrap()
    }
}

/// What is in a slot now.
fn told(slot: &Slot) -> String {
    let text = |outcome: &super::super::slot::Outcome| match outcome {
        Ok(value) => value.get().to_owned(),
        Err(error) => format!("! {error}"),
    };
    slot.wait(Some(std::time::Instant::now()), text).unwrap_or_else(|| "nothing".to_owned())
}

#[test]
fn each_job_gets_its_own_answer_and_is_then_forgotten() {
    let mut desk = Desk::default();
    let slots = [1, 2, 3].map(|id| desk.submit(id));
    assert_eq!(desk.said(), "do 1\ndo 2\ndo 3\n");
    desk.hear(r#"{"cmd":"did","id":2,"res":"two"}"#);
    desk.hear(r#"{"cmd":"did","id":3,"err":[3],"code":"failed"}"#);
    assert_eq!(slots.each_ref().map(|slot| told(slot)), ["nothing", "\"two\"", "! the job failed: [3]"]);
    desk.hear(r#"{"cmd":"did","id":2,"res":"again"}"#);
    desk.hear(r#"{"cmd":"error","code":"later","error":"no","id":1}"#);
    assert_eq!(slots.each_ref().map(|slot| told(slot)), ["! later: no", "\"two\"", "! the job failed: [3]"]);
    assert!(desk.jobs.open.is_empty());
}

#[test]
fn what_is_not_ours_is_let_through() {
    let mut desk = Desk::default();
    let slot = desk.submit(1);
    for line in [
        r#"{"cmd":"did","id":7,"res":0}"#,
        r#"{"cmd":"did","id":"1","res":0}"#,
        r#"{"cmd":"did","id":-1,"res":0}"#,
        r#"{"cmd":"did","id":1e0,"res":0}"#,
        r#"{"cmd":"error","code":"bad_request","error":"","id":{}}"#,
        r#"{"cmd":"do","id":1,"type":"t","job":1}"#,
        r#"{"cmd":"pong"}"#,
        r#"{"cmd":"metrics","metrics":{}}"#,
        r#"{"cmd":"later"}"#,
    ] {
        desk.hear(line);
        assert_eq!(told(&slot), "nothing", "{line}");
    }
}

#[test]
fn pongs_come_in_the_order_of_the_pings_also_of_those_that_the_link_said() {
    let mut desk = Desk::default();
    let first = desk.ping();
    desk.jobs.ask(&mut desk.said);
    let second = desk.ping();
    assert_eq!(desk.said(), "{\"cmd\":\"ping\"}\n".repeat(3));
    for told_then in [["null", "nothing"], ["null", "nothing"], ["null", "null"]] {
        desk.hear(r#"{"cmd":"pong"}"#);
        assert_eq!([&first, &second].map(|slot| told(slot)), told_then);
    }
}

#[test]
fn one_metrics_question_is_out_at_a_time() {
    let mut desk = Desk::default();
    let slots = ["a", "b", "c"].map(|line| desk.metrics(line));
    let ping = desk.ping();
    assert_eq!(desk.said(), "a\n{\"cmd\":\"ping\"}\n");
    // A pong may overtake the metrics.
    desk.hear(r#"{"cmd":"pong"}"#);
    assert_eq!(told(&ping), "null");
    desk.hear(r#"{"cmd":"metrics","metrics":{"a":1}}"#);
    assert_eq!(desk.said(), "b\n");
    desk.hear(r#"{"cmd":"error","code":"bad_request","error":"what?"}"#);
    assert_eq!(desk.said(), "c\n");
    desk.hear(r#"{"cmd":"metrics","metrics":{}}"#);
    assert_eq!(slots.each_ref().map(|slot| told(slot)), [r#"{"a":1}"#, "! bad_request: what?", "{}"]);
}

#[test]
fn an_error_without_an_id_is_the_oldest_questions_unless_it_can_be_a_jobs() {
    for (code, told_ping) in [
        ("bad_request", "! bad_request: x"),
        ("unknown_cmd", "! unknown_cmd: x"),
        ("later", "! later: x"),
        ("bad_json", "nothing"),
        ("too_long", "nothing"),
        ("queue_full", "nothing"),
    ] {
        let mut desk = Desk::default();
        let (job, ping) = (desk.submit(1), desk.ping());
        desk.hear(&format!(r#"{{"cmd":"error","code":"{code}","error":"x"}}"#));
        assert_eq!([told(&job), told(&ping)], ["nothing", told_ping], "{code}");
    }
}

#[test]
fn a_loss_ends_all_that_is_open() {
    let mut desk = Desk::default();
    let slots = [desk.submit(1), desk.ping(), desk.metrics("a"), desk.metrics("b")];
    desk.jobs.lost(&Lost { url: "unix:s".to_owned(), reason: "gone".to_owned(), code: None });
    assert_eq!(slots.map(|slot| told(&slot)), ["! the connection to unix:s was lost: gone"; 4]);
    // Nothing is left that would keep the next question waiting.
    desk.said();
    desk.metrics("c");
    assert_eq!(desk.said(), "c\n");
}
