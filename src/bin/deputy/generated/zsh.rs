//! Completions for zsh.

use std::fmt::Write;

use super::dashed;
use crate::options::{HELP, Opt, VERSION, ValueKind};
use crate::subcommand::{Count, Positional, SUBCOMMANDS};

/// A function for `fpath`, with `_arguments` for each subcommand.
pub(crate) fn script() -> String {
    let mut script = String::from("#compdef deputy\n\n_deputy() {\n    local -a subcommands=(\n");
    for subcommand in SUBCOMMANDS {
        let _ = writeln!(script, "        {}", quoted(&format!("{}:{}", subcommand.name, subcommand.summary)));
    }
    script += "    )\n    if ((CURRENT == 2)); then\n        _describe subcommand subcommands\n        _arguments";
    for option in [&HELP, &VERSION] {
        put_option(&mut script, option);
    }
    script += "\n        return\n    fi\n    local subcommand=$words[2]\n    shift words\n    ((CURRENT--))\n";
    script += "    case $subcommand in\n";
    for subcommand in SUBCOMMANDS {
        let _ = write!(script, "        {})\n            _arguments -s", subcommand.name);
        for option in subcommand.options {
            put_option(&mut script, option);
        }
        for word in subcommand.positionals {
            let _ = write!(script, " \\\n                {}", quoted(&word_spec(word)));
        }
        script += "\n            ;;\n";
    }
    script += "    esac\n}\n\n_deputy \"$@\"\n";
    script
}

fn put_option(script: &mut String, option: &Opt) {
    let names: Vec<_> = dashed(option).collect();
    let value = match option.value {
        ValueKind::Nothing => String::new(),
        ValueKind::Choice(choices) => format!(":{}:({})", option.value.name(), choices.join(" ")),
        ValueKind::Number { .. } | ValueKind::Seconds | ValueKind::Text(_) => format!(":{}: ", option.value.name()),
    };
    for name in &names {
        let spec = format!("({}){name}[{}]{value}", names.join(" "), escaped(option.help));
        let _ = write!(script, " \\\n                {}", quoted(&spec));
    }
}

fn word_spec(word: &Positional) -> String {
    let choices = (word.choices)();
    let action = if choices.is_empty() { "_files".to_owned() } else { format!("({})", choices.join(" ")) };
    let place = match word.count {
        Count::Once => ":",
        Count::AtMostOnce => "::",
        Count::OnceOrMore | Count::AnyNumber | Count::Trailing => "*:",
    };
    format!("{place}{}:{action}", escaped(word.name))
}

/// Within a specification brackets and colons mean something.
fn escaped(text: &str) -> String {
    text.replace('[', "\\[").replace(']', "\\]").replace(':', "\\:")
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
