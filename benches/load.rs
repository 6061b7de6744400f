//! The load test: `cargo bench --bench load -- --help`.

#[path = "harness/mod.rs"]
mod harness;

fn main() -> std::process::ExitCode {
    harness::main()
}
