//! What each figure of the metrics counts.

mod by_type;
mod histograms;
mod many_types;
mod scans;

use crate::script::scripts;
use crate::world::World;

scripts! {
    a_job_moves_from_waiting_to_running_to_done: r#"
        M> metrics
        M< metrics jobs_added 0, jobs_dispatched 0, jobs_waiting 0, jobs_running 0, jobs_done 0
        A> do 1 t
        M> metrics
        M< metrics jobs_added 1, jobs_dispatched 0, jobs_waiting 1, jobs_running 0, jobs_done 0
        W> can_do t
        W< do 1 t
        M> metrics
        M< metrics jobs_added 1, jobs_dispatched 1, jobs_waiting 0, jobs_running 1, jobs_done 0, workers 1, workers_idle 0
        W> did 1
        A< did 1
        M> metrics
        M< metrics jobs_added 1, jobs_dispatched 1, jobs_waiting 0, jobs_running 0, jobs_done 1, workers 1, workers_idle 1"#;

    a_worker_is_added_once: r#"
        W> can_do a
        W> can_do b
        W> cant_do a b
        M> metrics
        M< metrics workers_added 1, workers 0, workers_idle 0
        W> can_do a
        M> metrics
        M< metrics workers_added 1, workers 1, workers_idle 1
        V> can_do a
        W gone
        M> metrics
        M< metrics workers_added 2, workers 1, workers_idle 1"#;

    a_connection_without_a_type_is_no_worker_even_if_it_holds_a_job: r#"
        W> can_do t
        A> do 1 t
        W< do 1 t
        W> cant_do t
        M> metrics
        M< metrics workers 0, workers_idle 0, jobs_running 1
        W> did 1
        A< did 1
        M> metrics
        M< metrics workers 0, workers_idle 0, jobs_running 0, jobs_done 1
        W> can_do t
        M> metrics
        M< metrics workers 1, workers_idle 1"#;

    idle_is_who_holds_nothing: r#"
        W> can_do t max_jobs 2
        V> can_do u
        A> do 1 t
        W< do 1 t $a
        M> metrics
        M< metrics workers 2, workers_idle 1
        A> do 2 t
        W< do 2 t $b
        W> did $a
        A< did 1
        M> metrics
        M< metrics workers_idle 1
        W> did $b
        A< did 2
        M> metrics
        M< metrics workers_idle 2"#;

    connections_count_all_and_connections_open_those_that_are: r#"
        M> metrics
        M< metrics connections 1, connections_open 1
        A opens
        B opens
        M> metrics
        M< metrics connections 3, connections_open 3
        A gone
        M> metrics
        M< metrics connections 3, connections_open 2
        B sends x
        B< error bad_json
        B closed explained
        M> metrics
        M< metrics connections 3, connections_open 1"#;

    refused_jobs_are_never_added: r#"
        deputy --max-memory 1M
        A> {"cmd":"do","id":1}
        A< did 1 bad_request
        A> do 2 t "<x*2000000>"
        A< did 2 queue_full
        M> metrics
        M< metrics jobs_refused 2, jobs_added 0, jobs_failed 0, protocol_errors 0"#;

    protocol_errors_count_error_lines: r#"
        A> {"cmd":"nope"}
        A< error unknown_cmd
        A> did 1
        A< error not_holding 1
        A> {
        A< error bad_json
        A> {"cmd":"can_do"}
        A< error bad_request
        B sends x
        B< error bad_json
        B closed explained
        M> metrics
        M< metrics protocol_errors 5, jobs_refused 0"#;

    accepted_jobs_are_done_failed_waiting_or_running: r#"
        deputy --max-attempts 1
        W> can_do t max_jobs 3
        A> do done t; do failed t; do running t; do waiting t
        W< do done t $a; do failed t $b; do running t $c
        W> cant_do t
        V> can_do gave_up
        A> do lost gave_up
        V< do lost gave_up
        V gone
        A< did lost gave_up
        W> did $a
        A< did done
        W> did $b err null
        A< did failed failed null
        M> metrics
        M< metrics jobs_added 5, jobs_done 1, jobs_failed 2, jobs_running 1, jobs_waiting 1"#;

    bytes_held_fall_back_to_nothing: r#"
        W> can_do t
        A> do 1 t "<x*1000>"; do 2 t
        W< do 1 t "<x*1000>"
        W> did 1 res "<y*5000>"
        A< did 1 res "<y*5000>"
        W< do 2 t
        W> did 2 err "<y*5000>"
        A< did 2 failed "<y*5000>"
        M> metrics
        M< metrics bytes_held 0"#;

    half_lines_and_unsent_bytes_are_held: r#"
        B sends {"cmd":"pi
        M> metrics
        M< metrics bytes_held 10
        A stops reading
        A> ping
        M> metrics
        M< metrics bytes_held 26
        A reads on
        A< pong
        B sends ng"}\n
        B< pong
        M> metrics
        M< metrics bytes_held 0
        B sends {"cmd":"pi
        B gone
        M> metrics
        M< metrics bytes_held 0"#;
}

#[test]
fn messages_to_other_shards_are_counted_and_those_to_the_own_are_not() {
    // Present, Offer, Submit, Assign and Answer; then the slot is offered again.
    for (shards, messages) in [(1, 0), (3, 6)] {
        let mut world = World::of(shards);
        let home = shards / 2;
        let type_name = world.type_at(home, 0);
        let worker = world.worker(0, &[&type_name], None);
        let client = world.open(shards - 1);
        world.send_line(client, &format!(r#"{{"cmd":"do","id":1,"type":"{type_name}"}}"#));
        world.settle();
        world.send_line(worker, r#"{"cmd":"did","id":1}"#);
        world.send_line(client, r#"{"cmd":"ping"}"#);
        world.settle();
        assert_eq!(world.take_lines(client).len(), 2);
        assert_eq!(world.totals().counts.shard_messages, messages);
    }
}
