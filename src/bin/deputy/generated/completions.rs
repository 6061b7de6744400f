//! Completion scripts for bash, zsh and fish.

use std::fmt::Write;

use crate::cli::{Choices, Count, Opt, Positional, ValueKind};
use crate::subcommand::{HELP, Table, VERSION};

/// Returns the script for bash. It completes subcommands, their options and listed values, and otherwise files. It
/// looks before the cursor for an option with a value, so that the value is not completed as an argument.
pub(crate) fn bash(table: Table) -> String {
    let mut script = String::from("# bash completion for deputy\n\n_deputy() {\n");
    script += "    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} words=\n";
    script += "    COMPREPLY=()\n    if ((COMP_CWORD == 1)); then\n";
    let names = choices(Choices::Subcommands, table).join(" ");
    let _ = writeln!(script, "        words='{names} {}'", listed(&[&HELP, &VERSION])); // To a String: cannot fail.
    script += "    else\n        case ${COMP_WORDS[1]}:$before in\n";
    for subcommand in table {
        let name = subcommand.name;
        for option in subcommand.options.iter().filter(|option| option.value != ValueKind::Flag) {
            let patterns: Vec<_> = option.names().map(|option| format!("{name}:{option}")).collect();
            let values =
                if let ValueKind::Choice { words, .. } = option.value { words.join(" ") } else { String::new() };
            let _ = writeln!(script, "            {}) words='{values}' ;;", patterns.join("|"));
        }
        let choices = subcommand.positionals.iter().flat_map(|positional| choices(positional.choices, table));
        let words = [choices.collect::<Vec<_>>().join(" "), listed(subcommand.options)].join(" ");
        let _ = writeln!(script, "            {name}:*) words='{}' ;;", words.trim_start());
    }
    script += "        esac\n    fi\n    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n}\n\n";
    script += "complete -o default -F _deputy deputy\n";
    script
}

fn listed(options: &[&Opt]) -> String {
    options.iter().flat_map(|option| option.names()).collect::<Vec<_>>().join(" ")
}

/// Returns the script for zsh: a function for `fpath`, with `_arguments` for each subcommand.
pub(crate) fn zsh(table: Table) -> String {
    let mut script = String::from("#compdef deputy\n\n_deputy() {\n    local -a subcommands=(\n");
    for subcommand in table {
        let _ = writeln!(script, "        {}", zsh_quoted(&format!("{}:{}", subcommand.name, subcommand.summary)));
    }
    script += "    )\n    if ((CURRENT == 2)); then\n        _describe subcommand subcommands\n        _arguments";
    for option in [&HELP, &VERSION] {
        zsh_option(&mut script, option);
    }
    script += "\n        return\n    fi\n    local subcommand=$words[2]\n    shift words\n    ((CURRENT--))\n";
    script += "    case $subcommand in\n";
    for subcommand in table {
        let _ = write!(script, "        {})\n            _arguments -s", subcommand.name);
        for option in subcommand.options {
            zsh_option(&mut script, option);
        }
        for positional in subcommand.positionals {
            let _ = write!(script, " \\\n                {}", zsh_quoted(&zsh_positional(positional, table)));
        }
        script += "\n            ;;\n";
    }
    script += "    esac\n}\n\n_deputy \"$@\"\n";
    script
}

fn zsh_option(script: &mut String, option: &Opt) {
    let names: Vec<_> = option.names().collect();
    let value = match option.value {
        ValueKind::Flag => String::new(),
        ValueKind::Choice { name, words } => format!(":{name}:({})", words.join(" ")),
        _ => format!(":{}: ", option.value.name()),
    };
    for name in &names {
        let spec = format!("({}){name}[{}]{value}", names.join(" "), zsh_escaped(option.help));
        let _ = write!(script, " \\\n                {}", zsh_quoted(&spec));
    }
}

fn zsh_positional(positional: &Positional, table: Table) -> String {
    let choices = choices(positional.choices, table);
    let action = if choices.is_empty() { "_files".to_owned() } else { format!("({})", choices.join(" ")) };
    let count = match positional.count {
        Count::Once => ":",
        Count::AtMostOnce => "::",
        Count::OnceOrMore | Count::AnyNumber | Count::Trailing => "*:",
    };
    format!("{count}{}:{action}", zsh_escaped(positional.name))
}

/// Escapes the characters that have a meaning within a specification.
fn zsh_escaped(text: &str) -> String {
    text.replace('[', "\\[").replace(']', "\\]").replace(':', "\\:")
}

fn zsh_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Returns the script for fish: a `complete` for each subcommand, option and listed value.
pub(crate) fn fish(table: Table) -> String {
    let mut script = String::from("# fish completion for deputy\n\n");
    for subcommand in table {
        let summary = fish_quoted(subcommand.summary);
        let _ = writeln!(script, "complete -c deputy -n __fish_use_subcommand -f -a {} -d {summary}", subcommand.name);
    }
    for option in [&HELP, &VERSION] {
        fish_option(&mut script, "__fish_use_subcommand", option);
    }
    for subcommand in table {
        let condition = format!("'__fish_seen_subcommand_from {}'", subcommand.name);
        for option in subcommand.options {
            fish_option(&mut script, &condition, option);
        }
        for positional in subcommand.positionals {
            let choices = choices(positional.choices, table);
            if !choices.is_empty() {
                let words = fish_quoted(&choices.join(" "));
                let _ = writeln!(script, "complete -c deputy -n {condition} -f -a {words}");
            }
        }
    }
    script
}

fn fish_option(script: &mut String, condition: &str, option: &Opt) {
    let short = option.short.map_or_else(String::new, |short| format!(" -s {short}"));
    let value = match option.value {
        ValueKind::Flag => String::new(),
        ValueKind::Choice { words, .. } => format!(" -x -a {}", fish_quoted(&words.join(" "))),
        _ => " -r".to_owned(),
    };
    let (long, help) = (&option.long[2..], fish_quoted(option.help));
    let _ = writeln!(script, "complete -c deputy -n {condition}{short} -l {long}{value} -d {help}");
}

fn fish_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', r"\\").replace('\'', r"\'"))
}

/// Returns the listed values of an argument; no values if there are too many to list.
fn choices(choices: Choices, table: Table) -> Vec<&'static str> {
    match choices {
        Choices::Any => Vec::new(),
        Choices::Words(words) => words.to_vec(),
        Choices::Subcommands => table.iter().map(|subcommand| subcommand.name).collect(),
    }
}
