//! Lines in, lines out: what each line of a client means, and what the server answers, by the byte. Scripts run on the
//! core with framer and decoder before it, without sockets. Who gets which job is the subject of `tests/dispatch`.

mod can_do;
mod cant_do;
mod carried;
mod did;
mod ends;
mod first;
mod holding;
mod ids;
mod json;
mod kinds;
mod lines;
mod long;
mod max_jobs;
mod members;
mod metrics;
mod ping;
mod references;
mod scripts;
mod submit;
mod surrogates;
mod types;
