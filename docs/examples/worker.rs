//! A worker of the server that `DEPUTY_URL` names: says what it can do, then does one job after another.

use deputy::client::{RunError, Worker};

fn main() -> Result<(), RunError> {
    Worker::from_env()
        .handle("shout", |job| job.arg::<String>().map(|text| text.to_uppercase()))
        .handle_typed("add", |numbers: Vec<i64>| Ok::<i64, String>(numbers.iter().sum()))
        .max_jobs(4)
        .run()
}
