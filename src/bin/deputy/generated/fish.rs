//! Completions for fish.

use std::fmt::Write;

use crate::options::{HELP, Opt, VERSION, ValueKind};
use crate::subcommand::SUBCOMMANDS;

/// A `complete` for each subcommand, option, and word of which there are a few.
pub(crate) fn script() -> String {
    let mut script = String::from("# fish completion for deputy\n\n");
    for subcommand in SUBCOMMANDS {
        let _ = writeln!(
            script,
            "complete -c deputy -n __fish_use_subcommand -f -a {} -d {}",
            subcommand.name,
            quoted(subcommand.summary)
        );
    }
    for option in [&HELP, &VERSION] {
        put_option(&mut script, "__fish_use_subcommand", option);
    }
    for subcommand in SUBCOMMANDS {
        let here = format!("'__fish_seen_subcommand_from {}'", subcommand.name);
        for option in subcommand.options {
            put_option(&mut script, &here, option);
        }
        for word in subcommand.positionals {
            let choices = (word.choices)();
            if !choices.is_empty() {
                let _ = writeln!(script, "complete -c deputy -n {here} -f -a {}", quoted(&choices.join(" ")));
            }
        }
    }
    script
}

fn put_option(script: &mut String, condition: &str, option: &Opt) {
    let short = option.short.map_or_else(String::new, |short| format!(" -s {short}"));
    let value = match option.value {
        ValueKind::Nothing => String::new(),
        ValueKind::Choice(choices) => format!(" -x -a {}", quoted(&choices.join(" "))),
        ValueKind::Number { .. } | ValueKind::Seconds | ValueKind::Text(_) => " -r".to_owned(),
    };
    let _ = writeln!(
        script,
        "complete -c deputy -n {condition}{short} -l {}{value} -d {}",
        &option.long[2..],
        quoted(option.help)
    );
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', r"\\").replace('\'', r"\'"))
}
