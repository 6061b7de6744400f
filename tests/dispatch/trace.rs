//! A job's way, as the log shows it.

use deputy::dispatch::message::{JobEvent, Submitter, TraceId};

use crate::world::{Event, Options, World};

/// Returns the events of jobs since the last call.
fn events(world: &mut World) -> Vec<(TraceId, JobEvent)> {
    world.settle();
    let passed = |event| if let Event::Traced(job, event) = event { Some((job, event)) } else { None };
    world.take_log().into_iter().filter_map(passed).collect()
}

#[test]
fn every_event_of_a_job_has_one_name_for_the_job() {
    for shards in [1, 3] {
        let mut world = World::new(Options { shards, attempts_max: 2, trace: true, ..Options::default() });
        world.keep_log();
        let (client, first, second) = (world.open(0), world.open(shards - 1), world.open(0));
        world.send_line(client, r#"{"cmd":"do","id":"x","type":"t"}"#);
        let queued = events(&mut world);
        let [(job, JobEvent::Queued(submitter))] = queued[..] else { panic!("{queued:?}") };
        assert_eq!(submitter.shard().0, 0);
        assert_eq!(job.home.0, world.home("t"));

        let events_of_job = |world: &mut World| -> Vec<JobEvent> {
            let events = events(world);
            assert!(events.iter().all(|(other, _)| *other == job), "{events:?}");
            events.into_iter().map(|(_, event)| event).collect()
        };
        world.send_line(first, r#"{"cmd":"can_do","types":["t"]}"#);
        let sent = events_of_job(&mut world);
        let [JobEvent::Sent(holder)] = sent[..] else { panic!("{sent:?}") };
        world.end(first);
        assert_eq!(events_of_job(&mut world), [JobEvent::Requeued(holder)]);
        world.send_line(second, r#"{"cmd":"can_do","types":["t"]}"#);
        assert!(matches!(events_of_job(&mut world)[..], [JobEvent::Sent(_)]));
        world.send_line(second, r#"{"cmd":"did","id":"x","err":null}"#);
        assert_eq!(events_of_job(&mut world), [JobEvent::Finished("failed")]);
    }
}

#[test]
fn a_job_that_ends_with_its_worker_is_not_requeued() {
    for (stops, how) in [(false, "gave_up"), (true, "shutdown")] {
        let mut world = World::new(Options { attempts_max: 1, trace: true, ..Options::default() });
        world.keep_log();
        let (client, worker) = (world.open(0), world.worker(0, &["t"], None));
        let (_, holder) = world.conn_id(worker);
        world.send_line(client, r#"{"cmd":"do","id":1,"type":"t"}"#);
        if stops {
            world.stop(0);
        }
        world.end(worker);
        let events: Vec<JobEvent> = events(&mut world).into_iter().map(|(_, event)| event).collect();
        assert_eq!(events[2..], [JobEvent::Lost(holder, how), JobEvent::Finished(how)]);
    }
}

#[test]
fn all_ends_have_a_name() {
    let end_of = |script: &[&str], attempts_max| {
        let mut world = World::new(Options { attempts_max, trace: true, ..Options::default() });
        world.keep_log();
        let (client, worker) = (world.open(0), world.open(0));
        world.send_line(client, r#"{"cmd":"do","id":1,"type":"t"}"#);
        for action in script {
            match *action {
                "stop" => world.stop(0),
                "gone" => world.end(worker),
                line => world.send_line(worker, line),
            }
        }
        events(&mut world).pop().map(|(_, event)| event)
    };
    let can_do = r#"{"cmd":"can_do","types":["t"]}"#;
    assert_eq!(end_of(&[can_do, r#"{"cmd":"did","id":1}"#], 3), Some(JobEvent::Finished("done")));
    assert_eq!(end_of(&[can_do, "gone"], 1), Some(JobEvent::Finished("gave_up")));
    assert_eq!(end_of(&["stop"], 3), Some(JobEvent::Finished("shutdown")));
}

/// An end of a job that was never queued is not taken for one of another job.
#[test]
fn a_job_that_ends_when_it_comes_to_its_home_has_a_name_of_its_own() {
    for shards in [1, 3] {
        let mut world = World::new(Options { shards, trace: true, ..Options::default() });
        world.keep_log();
        let home = world.home("t");
        let client = world.open((home + 1) % shards);
        world.send_line(client, r#"{"cmd":"do","id":1,"type":"t","key":"k"}"#);
        let queued = events(&mut world);
        let [(first, JobEvent::Queued(_))] = queued[..] else { panic!("{queued:?}") };
        world.send_line(client, r#"{"cmd":"do","id":2,"type":"t","need_worker":true}"#);
        let ended = events(&mut world);
        let [(second, JobEvent::Finished("no_worker"))] = ended[..] else { panic!("{ended:?}") };
        world.send_line(client, r#"{"cmd":"do","id":3,"type":"t","key":"k"}"#);
        assert_eq!(events(&mut world), [], "it joins");
        if shards > 1 {
            world.send_line(client, r#"{"cmd":"do","id":4,"type":"t"}"#);
        }
        world.stop(home);
        let ended = events(&mut world);
        let mut jobs: Vec<u64> = ended.iter().map(|(job, _)| job.arrival).collect();
        jobs.sort_unstable();
        jobs.dedup();
        assert_eq!(jobs.len(), if shards > 1 { 2 } else { 1 }, "{ended:?}");
        assert!(jobs.contains(&first.arrival) && !jobs.contains(&second.arrival), "{ended:?}");
    }
}

#[test]
fn what_befalls_a_job_with_options_is_reported() {
    let mut world = World::new(Options { trace: true, ..Options::default() });
    world.keep_log();
    let client = world.open(0);
    let worker = world.worker(0, &["t"], Some(3));
    let events_of =
        |world: &mut World| -> Vec<JobEvent> { events(world).into_iter().map(|(_, event)| event).collect() };
    let (_, holder) = world.conn_id(worker);
    world.send_line(client, r#"{"cmd":"do","id":1,"type":"t","cancellable":true,"run_limit_ms":1000}"#);
    assert!(matches!(events_of(&mut world)[..], [JobEvent::Queued(Submitter::Ticket(..)), JobEvent::Sent(_)]));
    world.advance(1_000);
    world.advance(0);
    assert_eq!(events_of(&mut world), [JobEvent::Overdue(holder), JobEvent::Sent(holder)]);
    world.send_line(client, r#"{"cmd":"cancel","id":1}"#);
    assert_eq!(events_of(&mut world), [JobEvent::Revoked]);
    world.send_line(client, r#"{"cmd":"do","id":2,"type":"u","cancellable":true,"key":"k"}"#);
    assert!(matches!(events_of(&mut world)[..], [JobEvent::Queued(Submitter::Group(..))]));
    world.send_line(client, r#"{"cmd":"cancel","id":2}"#);
    assert_eq!(events_of(&mut world), [JobEvent::Revoked]);
    world.send_line(client, r#"{"cmd":"do","id":3,"type":"u","background":true}"#);
    assert!(matches!(events_of(&mut world)[..], [JobEvent::Queued(Submitter::Background(_))]));
}

#[test]
fn no_event_is_reported_unless_the_log_wants_it() {
    let mut world = World::of(1);
    world.keep_log();
    let client = world.open(0);
    world.send_line(client, r#"{"cmd":"do","id":1,"type":"t"}"#);
    assert_eq!(events(&mut world), []);
}
