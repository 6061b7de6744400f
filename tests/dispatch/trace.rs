//! A job's way, as the log shows it.

use deputy::dispatch::message::{JobEvent, TraceId};

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
fn all_ends_have_a_name() {
    let end_of = |script: &[&str], attempts_max| {
        let mut world = World::new(Options { attempts_max, trace: true, ..Options::default() });
        world.keep_log();
        let (client, worker) = (world.open(0), world.open(0));
        world.send_line(client, r#"{"cmd":"do","id":1,"type":"t"}"#);
        for said in script {
            match *said {
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

#[test]
fn no_event_is_reported_unless_the_log_wants_it() {
    let mut world = World::of(1);
    world.keep_log();
    let client = world.open(0);
    world.send_line(client, r#"{"cmd":"do","id":1,"type":"t"}"#);
    assert_eq!(events(&mut world), []);
}
