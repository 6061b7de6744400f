//! The rows of the table of failures: each part dies, or stops for a while, under load.

use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use crate::client::Client;
use crate::engine::Engine;
use crate::load::Load;
use crate::nats::{STREAM, programs, recommended};
use crate::node::{Node, Part, ack_wait};
use crate::play::{A, B, Cluster, LOCAL_PLAN, Row, SHARED};
use crate::wait::until;
use crate::worker::SLOTS;

/// Slots of a machine for the type that machines share.
const MACHINE_SLOTS: usize = 2 * SLOTS;

/// NATS has what it knows of deliveries and acknowledgements not on its disk at once, nor at all servers. When one is
/// killed, jobs of the last seconds run a second time; their second results are dropped.
const ANY: usize = usize::MAX;

/// How long a part is away that comes back by itself.
const AWAY: Duration = Duration::from_secs(1);

/// A row in which nothing is cut off, no job runs twice, and durable jobs may be refused.
const fn row(name: &'static str, table: &'static str) -> Row {
    Row { name, table, twice: 0, cut_off: None, refuses: true }
}

/// A row in which B is cut off, and its jobs run elsewhere.
const fn row_of_b(name: &'static str, table: &'static str) -> Row {
    Row { twice: 2 * MACHINE_SLOTS, cut_off: Some(B), ..row(name, table) }
}

/// Plays rows on a cluster of each engine that this program can be.
fn with_clusters(rows: impl Fn(&mut Cluster)) {
    let _alone = crate::alone();
    for program in programs() {
        let servers = if program.is_recommended() { 3 } else { 1 };
        let mut cluster = Cluster::start(&program, servers);
        rows(&mut cluster);
        cluster.finish();
    }
}

#[test]
fn the_side_of_the_worker_may_die_or_stop() {
    with_clusters(|cluster| {
        let workers = Row { twice: MACHINE_SLOTS, refuses: false, ..row("workers of B, killed", "55 to 58 ms") };
        cluster.play(&workers, |it| it.nodes[B].kill(Part::Workers), |it| it.nodes[B].run(Part::Workers));

        let bridge = row_of_b("bridge of B, killed", "the ack wait");
        cluster.play(&bridge, |it| it.nodes[B].kill(Part::Bridge), |it| restore(it, B, &[Part::Bridge]));

        let drained = Row { cut_off: Some(B), ..row("bridge of B, asked to stop", "at once") };
        cluster.play(&drained, |it| it.nodes[B].drain_bridge(), |it| restore(it, B, &[Part::Bridge]));

        let stopped = row_of_b("bridge of B, stopped", "the ack wait");
        cluster.play(
            &stopped,
            |it| it.nodes[B].signal(Part::Bridge, Signal::STOP),
            |it| {
                it.nodes[B].signal(Part::Bridge, Signal::CONT);
                restore(it, B, &[]);
            },
        );

        let server = Row { refuses: false, ..row_of_b("server of B, killed", "0.1 s") };
        cluster.play(
            &server,
            |it| {
                it.load.expect_ends(B, true);
                it.nodes[B].kill(Part::Server);
            },
            |it| restore(it, B, &[Part::Server]),
        );

        let hung = row_of_b("server of B, stopped", "not in the table");
        cluster.play(
            &hung,
            |it| it.nodes[B].signal(Part::Server, Signal::STOP),
            |it| {
                it.nodes[B].signal(Part::Server, Signal::CONT);
                restore(it, B, &[]);
            },
        );

        let machine = row_of_b("machine B, killed", "the ack wait");
        cluster.play(
            &machine,
            |it| {
                it.load.expect_ends(B, true);
                it.nodes[B].kill_all();
            },
            |it| restore(it, B, &Part::ALL),
        );

        let frozen = row_of_b("machine B, frozen", "the ack wait");
        cluster.play(
            &frozen,
            |it| it.nodes[B].signal_all(Signal::STOP),
            |it| {
                it.nodes[B].signal_all(Signal::CONT);
                restore(it, B, &[]);
            },
        );
    });
}

/// Starts parts of a machine again. Until its bridge has returned, it refuses durable jobs.
fn restore(cluster: &mut Cluster, machine: usize, parts: &[Part]) {
    cluster.load.expect_refusals(true);
    cluster.nodes[machine].run_all(parts);
    cluster.wait_until_healthy();
    cluster.load.expect_refusals(false);
    cluster.load.expect_ends(machine, false);
}

#[test]
fn the_side_of_the_submitter_may_die_or_stop() {
    with_clusters(|cluster| {
        let bridge = row("bridge of A, killed for 1 s", "its restart");
        cluster.play(
            &bridge,
            |it| {
                it.nodes[A].kill(Part::Bridge);
                thread::sleep(AWAY);
                it.nodes[A].run(Part::Bridge);
            },
            |it| restore(it, A, &[]),
        );

        let stopped = row("bridge of A, stopped for longer than the ack wait", "until it goes on");
        cluster.play(
            &stopped,
            |it| {
                it.nodes[A].signal(Part::Bridge, Signal::STOP);
                thread::sleep(ack_wait() + AWAY);
                it.nodes[A].signal(Part::Bridge, Signal::CONT);
            },
            |it| restore(it, A, &[]),
        );

        let server = Row { cut_off: Some(A), refuses: false, ..row("server of A, killed", "durable ones are done") };
        cluster.play(
            &server,
            |it| {
                it.load.expect_ends(A, true);
                it.nodes[A].kill(Part::Server);
            },
            |it| restore(it, A, &[Part::Server]),
        );

        let machine = Row { cut_off: Some(A), ..row("machine A, killed", "durable ones are done") };
        cluster.play(
            &machine,
            |it| {
                it.load.expect_ends(A, true);
                it.nodes[A].kill_all();
            },
            |it| restore(it, A, &Part::ALL),
        );

        let submitters = Row { refuses: false, ..row("submitters at A, gone", "durable ones are done") };
        cluster.play(&submitters, |it| it.load.break_off(A), |_| ());
    });
}

#[test]
fn a_single_nats_server_may_be_killed_or_stopped() {
    let _alone = crate::alone();
    for program in programs() {
        let mut cluster = Cluster::start(&program, 1);
        let stopped = Row { twice: ANY, ..row("NATS R1, stopped for 1 s", "until it goes on") };
        cluster.play(
            &stopped,
            |it| {
                it.engine.signal(0, Signal::STOP);
                thread::sleep(AWAY);
                it.engine.signal(0, Signal::CONT);
            },
            |it| restore(it, A, &[]),
        );
        let killed = Row { twice: ANY, ..row("NATS R1, killed for 1 s", "1.3 to 2.6 s") };
        cluster.play(
            &killed,
            |it| {
                it.engine.kill(0);
                thread::sleep(AWAY);
                it.engine.restart(0).unwrap();
            },
            |it| restore(it, A, &[]),
        );
        if program.is_recommended() {
            cluster.finish();
        }
    }
}

#[test]
fn the_leader_of_three_may_be_killed_or_stopped_and_all_of_them_may_be_away() {
    let _alone = crate::alone();
    let Some(program) = recommended() else { return };
    let mut cluster = Cluster::start(&program, 3);
    let killed = Row { twice: ANY, ..row("leader of R3, killed", "4.5 to 7.8 s") };
    cluster.play(
        &killed,
        |it| {
            let leader = until("a leader", || it.engine.leader_of(STREAM));
            it.engine.kill(leader);
        },
        |it| {
            restart_killed(&mut it.engine);
            restore(it, A, &[]);
        },
    );
    let stopped = Row { twice: ANY, ..row("leader of R3, stopped", "4.5 to 7.8 s") };
    cluster.play(
        &stopped,
        |it| {
            let leader = until("a leader", || it.engine.leader_of(STREAM));
            it.engine.signal(leader, Signal::STOP);
        },
        |it| {
            for number in 0..it.engine.len() {
                it.engine.signal(number, Signal::CONT);
            }
            restore(it, A, &[]);
        },
    );
    let away = Row { twice: ANY, ..row("the whole engine, killed for some jobs", "until it is back") };
    cluster.play(
        &away,
        |it| {
            for number in 0..it.engine.len() {
                it.engine.kill(number);
            }
            local_work_goes_on(&it.load, &it.nodes[A]);
            restart_killed(&mut it.engine);
        },
        |it| restore(it, A, &[]),
    );
    cluster.finish();
}

/// Starts the nats-servers again that were killed.
fn restart_killed(engine: &mut Engine) {
    for number in (0..engine.len()).filter(|number| !engine.runs(*number)).collect::<Vec<_>>() {
        engine.restart(number).unwrap();
    }
}

/// Waits until jobs were done that need no other machine, and a durable one is refused.
fn local_work_goes_on(load: &Load, node: &Node) {
    let done = || load.done()[LOCAL_PLAN];
    let before = done();
    until("local jobs that are done", || (done() >= before + 20).then_some(()));
    let mut client = Client::connect("client without an engine", &node.address());
    client.send(&format!(r#"{{"cmd":"do","id":1,"type":"{SHARED}","durable":true}}"#));
    let answer = client.line();
    assert!(answer.contains(r#""code":"no_bridge""#), "{answer}");
}
