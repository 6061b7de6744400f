//! What clients ask for with a job, and workers with their types.

mod attempts;
mod background;
mod cancelling;
mod deadlines;
mod delays;
mod durable;
mod keys;
mod need_worker;
mod no_wait;
mod priorities;
mod progress;
mod run_limits;
mod spare;
mod spent;
mod wait_ms;
