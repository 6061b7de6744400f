//! Deputy beside other servers: `cargo bench --bench peers -- --help`.

#[path = "harness/mod.rs"]
mod harness;

fn main() -> std::process::ExitCode {
    harness::main()
}
