//! The text of `--help`, made from the table of options.

use std::fmt::Write;

use deputy::server::number_range::{NumberRange, Unit};

use crate::args;
use crate::options::{OPTIONS, Opt, ValueKind};

const HEAD: &str = "\
Usage: deputy-server [OPTION]...

Hands jobs from the programs that have them to the programs that can do them.

";

const TAIL: &str = "
BYTES may end in K, M or G (of 1024). Defaults are in brackets.
SIGTERM and SIGINT stop it when the jobs at hand are done; a second one at once.
Exit code: 0 after a stop, 1 if it cannot listen, 2 for a wrong option.
";

/// The column in which the explanations start.
const COLUMN: usize = 31;

/// The whole text.
pub(crate) fn text() -> String {
    let defaults = args::defaults();
    let mut text = HEAD.to_owned();
    for option in OPTIONS {
        let short = option.short.map_or_else(|| "   ".to_owned(), |short| format!("-{short},"));
        let left = format!("  {short} {}{}", option.long, value_name(option));
        let default = match (option.default)(&defaults) {
            default if default.is_empty() => default,
            default => format!(" [{default}]"),
        };
        // A left part that reaches into the column has the explanation on the next line.
        let gap = if left.len() < COLUMN { String::new() } else { format!("\n{:COLUMN$}", "") };
        let _ = writeln!(text, "{left:COLUMN$}{gap}{}{default}", option.help); // Writing to a String cannot fail.
    }
    text + TAIL
}

/// What stands for the option's value, after a space; empty if it has none.
fn value_name(option: &Opt) -> String {
    match option.value {
        ValueKind::Help | ValueKind::Version | ValueKind::Nothing(_) => String::new(),
        ValueKind::Number(NumberRange { unit: Unit::Number, .. }, _) => " N".to_owned(),
        ValueKind::Number(NumberRange { unit: Unit::Bytes, .. }, _) => " BYTES".to_owned(),
        ValueKind::Number(NumberRange { unit: Unit::Seconds, .. }, _) => " SECONDS".to_owned(),
        ValueKind::Text { name, .. } => format!(" {name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_has_its_lines_within_a_terminal() {
        let text = text();
        for option in OPTIONS {
            let line = text.lines().find(|line| line.get(6..).is_some_and(|rest| rest.starts_with(option.long)));
            assert!(line.is_some_and(|line| line.contains(&value_name(option))), "{}", option.long);
            assert!(text.contains(option.help));
        }
        for line in text.lines() {
            assert!(line.len() <= 80 && line == line.trim_end(), "{line:?}");
        }
    }

    #[test]
    fn defaults_are_told() {
        let text = text();
        assert!(text.contains("  -h, --host IP-or-name        address to listen on; of a name all [127.0.0.1]\n"));
        assert!(text.contains("      --max-line BYTES         longest line of a client, 64 to 1G [16M]\n"));
        assert!(text.contains("      --log LEVEL              off, error, warn, info or debug [info]\n"));
    }
}
