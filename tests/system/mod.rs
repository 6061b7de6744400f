//! The real binary in a system that fails it: calls that return errors, no descriptors, no memory, links that go dead,
//! clocks that jump. And what it takes of the system, and gives back. For Linux, whose means these tests use.
//!
//! The oracle is the same everywhere: who submits a job and stays gets one answer, no job is held twice, and when all is
//! over the server's gauges, descriptors and memory are where they were.

mod cgroups;
mod load;
mod peer;
mod rest;

mod backlog;
mod clocks;
mod crowds;
mod descriptors;
mod failure;
mod injected;
mod scarce;
mod stopped;
