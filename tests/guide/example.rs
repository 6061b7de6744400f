//! The examples as programs.

use std::path::PathBuf;

/// An example, which `cargo test` has built beside the tests.
pub(crate) fn program(name: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let path = own.parent().unwrap().parent().unwrap().join("examples").join(name);
    assert!(path.exists(), "{} is not there: `cargo build --example {name}` makes it", path.display());
    path
}
