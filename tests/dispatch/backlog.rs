//! Many jobs that no worker does, and then one.

use crate::world::World;

const JOBS: u64 = 100_000;

#[test]
fn f15_a_backlog_of_a_type_that_nobody_does_is_done_in_order_by_the_one_worker_that_comes() {
    for shards in [1, 3] {
        let mut world = World::of(shards);
        let other = world.worker(0, &["other"], None);
        let client = world.open(shards - 1);
        for id in 0..JOBS {
            world.send_line(client, &format!(r#"{{"cmd":"do","id":{id},"type":"t"}}"#));
            world.settle();
        }
        assert_eq!(world.totals().counts.jobs_waiting, JOBS);
        world.send_line(client, r#"{"cmd":"do","id":"x","type":"other"}"#);
        world.settle();
        world.send_line(other, r#"{"cmd":"did","id":"x"}"#);
        world.settle();
        assert_eq!(world.take_lines(client), [r#"{"cmd":"did","id":"x"}"#], "other types go on beside it");
        let worker = world.worker(0, &["t"], None);
        world.settle();
        for id in 0..JOBS {
            assert_eq!(world.take_lines(worker), [format!(r#"{{"cmd":"do","id":{id},"type":"t"}}"#)]);
            world.send_line(worker, &format!(r#"{{"cmd":"did","id":{id}}}"#));
            world.settle();
            assert_eq!(world.take_lines(client), [format!(r#"{{"cmd":"did","id":{id}}}"#)]);
        }
        world.check_rest();
        world.end_all([client, other, worker]);
    }
}
