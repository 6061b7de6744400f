//! Figures that a test saw: for people, and no matter of right or wrong.

/// Prints a figure; the harness shows it to who asks for it with `--nocapture`.
#[allow(clippy::print_stdout, reason = "the harness keeps it for who asks for it")]
pub(crate) fn print_figure(text: &str) {
    println!("{}: {text}", std::thread::current().name().unwrap_or("a test"));
}
