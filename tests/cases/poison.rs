//! Jobs that kill their workers: how many losses they cost, and that they cost no other job.

use super::fixture::Fixture;
use crate::world::Peer;

/// Case 5. A poisonous job is distinguished from the jobs beside it.
#[test]
fn f07_a_poison_ends_after_one_death_more_than_its_attempts() {
    let mut fixture = Fixture::with_attempts(2, 2);
    let mut worker = fixture.worker(1, "A", 2);
    for job in ["P", "A2", "A3", "A4"] {
        fixture.submit(job);
    }
    fixture.rest();
    assert_eq!(fixture.held(worker), ["A2", "P"]);
    for (neighbour, attempts) in [("A3", 0), ("A4", 1)] {
        worker = die(&mut fixture, worker);
        assert_eq!(fixture.held(worker), [neighbour, "P"], "beside a fresh job");
        let held = fixture.slots(worker).expect("it is a worker").held;
        assert!(held.iter().all(|(_, job, _)| job.attempts == if job.suspect { attempts } else { 0 }), "{held:?}");
    }
    worker = die(&mut fixture, worker);
    assert_eq!(fixture.answers, [("P".to_owned(), Some("gave_up".to_owned()))]);
    for job in ["A2", "A3", "A4"] {
        assert_eq!(fixture.held(worker), [job], "never two suspects");
        assert!(fixture.end(worker, job));
        fixture.rest();
    }
    assert_eq!(fixture.answers.len(), 4);
}

#[test]
fn f07_deaths_of_a_poison_are_bounded_by_max_attempts() {
    for (attempts_max, alone, deaths) in [
        (2, false, Some(3)),
        (2, true, Some(2)),
        (1, false, Some(2)),
        (1, true, Some(1)),
        (0, false, None),
        (0, true, None),
    ] {
        let mut fixture = Fixture::with_attempts(2, attempts_max);
        let mut worker = fixture.worker(1, "A", if alone { 1 } else { 2 });
        for job in ["P", "A2", "A3", "A4"] {
            fixture.submit(job);
        }
        fixture.rest();
        let gave_up = (1..=20).find(|_| {
            assert!(fixture.held(worker).contains(&"P".to_owned()), "P is next in line");
            worker = if alone { die_alone(&mut fixture, worker) } else { die(&mut fixture, worker) };
            !fixture.answers.is_empty()
        });
        assert_eq!(gave_up, deaths, "max-attempts {attempts_max}, alone {alone}");
        assert!(fixture.answers.iter().all(|(job, _)| job == "P"), "{:?}", fixture.answers);
    }
}

/// Case 6. Two poisons that were held together are never together again.
#[test]
fn two_poisons_end_each_after_three_deaths() {
    let mut fixture = Fixture::with_attempts(2, 2);
    let mut worker = fixture.worker(1, "A", 2);
    fixture.submit("P");
    fixture.submit("Q");
    fixture.rest();
    assert_eq!(fixture.held(worker), ["P", "Q"]);
    let mut deaths = [0, 0];
    for death in 1..20 {
        let held = fixture.held(worker);
        if held.is_empty() {
            break;
        }
        assert!(death == 1 || held.len() == 1, "together again: {held:?}");
        deaths[0] += u32::from(held.contains(&"P".to_owned()));
        deaths[1] += u32::from(held.contains(&"Q".to_owned()));
        worker = die(&mut fixture, worker);
    }
    assert!(deaths.iter().all(|deaths| *deaths <= 3), "{deaths:?}");
    assert!(fixture.answers.iter().all(|(_, code)| code.as_deref() == Some("gave_up")));
    assert_eq!(fixture.answers.len(), 2);
}

/// The worker dies of what it holds, and another with two slots comes.
fn die(fixture: &mut Fixture, worker: Peer) -> Peer {
    replace(fixture, worker, 2)
}

fn die_alone(fixture: &mut Fixture, worker: Peer) -> Peer {
    replace(fixture, worker, 1)
}

fn replace(fixture: &mut Fixture, worker: Peer, slots: u32) -> Peer {
    fixture.leave(worker);
    fixture.rest();
    let next = fixture.worker(1, "A", slots);
    fixture.rest();
    next
}
