//! The real binary in a system that fails it: calls that return errors, no descriptors, no memory, links that go dead,
//! clocks that jump, odd surroundings. And what it takes of the system, and returns. Linux only.
//!
//! The oracle is the same everywhere: each job of a submitter that stays gets one answer, and no job is held twice. At the
//! end the server's gauges, descriptors and memory are what they were at the start.

mod cgroups;
mod leak_check;
mod load;
mod peer;

mod backlog;
mod clocks;
mod crowds;
mod descriptors;
mod failure;
mod injected;
mod job_life;
mod scarce;
mod stopped;
mod surroundings;
