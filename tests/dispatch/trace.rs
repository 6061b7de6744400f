//! A job's way, as it is told to people who follow it.

use deputy::dispatch::message::{JobEvent, TraceId};

use crate::world::{Event, Options, World};

/// What was told of jobs since the last time.
fn told(world: &mut World) -> Vec<(TraceId, JobEvent)> {
    world.settle();
    let passed = |event| if let Event::Passed(job, passage) = event { Some((job, passage)) } else { None };
    world.take_log().into_iter().filter_map(passed).collect()
}

#[test]
fn every_station_of_a_job_is_told_under_one_name() {
    for shards in [1, 3] {
        let mut world = World::new(Options { shards, attempts_max: 2, trace: true, ..Options::default() });
        world.keep_log();
        let (client, first, second) = (world.open(0), world.open(shards - 1), world.open(0));
        world.say(client, r#"{"cmd":"do","id":"x","type":"t"}"#);
        let waits = told(&mut world);
        let [(job, JobEvent::Queued(submitter))] = waits[..] else { panic!("{waits:?}") };
        assert_eq!(submitter.shard.0, 0);
        assert_eq!(job.home.0, world.home("t"));

        let passages = |world: &mut World| -> Vec<JobEvent> {
            let told = told(world);
            assert!(told.iter().all(|(other, _)| *other == job), "{told:?}");
            told.into_iter().map(|(_, passage)| passage).collect()
        };
        world.say(first, r#"{"cmd":"can_do","types":["t"]}"#);
        let given = passages(&mut world);
        let [JobEvent::Sent(holder)] = given[..] else { panic!("{given:?}") };
        world.end(first);
        assert_eq!(passages(&mut world), [JobEvent::Requeued(holder)]);
        world.say(second, r#"{"cmd":"can_do","types":["t"]}"#);
        assert!(matches!(passages(&mut world)[..], [JobEvent::Sent(_)]));
        world.say(second, r#"{"cmd":"did","id":"x","err":null}"#);
        assert_eq!(passages(&mut world), [JobEvent::Finished("failed")]);
    }
}

#[test]
fn all_ends_have_a_word() {
    let end_of = |script: &[&str], attempts_max| {
        let mut world = World::new(Options { attempts_max, trace: true, ..Options::default() });
        world.keep_log();
        let (client, worker) = (world.open(0), world.open(0));
        world.say(client, r#"{"cmd":"do","id":1,"type":"t"}"#);
        for said in script {
            match *said {
                "stop" => world.stop(0),
                "gone" => world.end(worker),
                line => world.say(worker, line),
            }
        }
        told(&mut world).pop().map(|(_, passage)| passage)
    };
    let can_do = r#"{"cmd":"can_do","types":["t"]}"#;
    assert_eq!(end_of(&[can_do, r#"{"cmd":"did","id":1}"#], 3), Some(JobEvent::Finished("done")));
    assert_eq!(end_of(&[can_do, "gone"], 1), Some(JobEvent::Finished("gave_up")));
    assert_eq!(end_of(&["stop"], 3), Some(JobEvent::Finished("shutdown")));
}

#[test]
fn nothing_is_told_unless_asked_for() {
    let mut world = World::of(1);
    world.keep_log();
    let client = world.open(0);
    world.say(client, r#"{"cmd":"do","id":1,"type":"t"}"#);
    assert_eq!(told(&mut world), []);
}
