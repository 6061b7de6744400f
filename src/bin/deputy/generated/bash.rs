//! Completions for bash.

use std::fmt::Write;

use super::dashed;
use crate::options::{HELP, Opt, VERSION, ValueKind};
use crate::subcommand::{SUBCOMMANDS, names};

/// Completes subcommands, their options, and words of which there are a few; files otherwise. Options that take a value are
/// looked for before the cursor, so that their values are not completed as words.
pub(crate) fn script() -> String {
    let mut script = String::from("# bash completion for deputy\n\n_deputy() {\n");
    script += "    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} words=\n";
    script += "    COMPREPLY=()\n    if ((COMP_CWORD == 1)); then\n";
    let _ = writeln!(script, "        words='{} {}'", names().join(" "), listed(&[&HELP, &VERSION]));
    script += "    else\n        case ${COMP_WORDS[1]}:$before in\n";
    for subcommand in SUBCOMMANDS {
        let name = subcommand.name;
        for option in subcommand.options.iter().filter(|option| option.value != ValueKind::Nothing) {
            let patterns: Vec<_> = dashed(option).map(|option| format!("{name}:{option}")).collect();
            let values = if let ValueKind::Choice(choices) = option.value { choices.join(" ") } else { String::new() };
            let _ = writeln!(script, "            {}) words='{values}' ;;", patterns.join("|"));
        }
        let choices: Vec<_> = subcommand.positionals.iter().flat_map(|word| (word.choices)()).collect();
        let words = [choices.join(" "), listed(subcommand.options)].join(" ");
        let _ = writeln!(script, "            {name}:*) words='{}' ;;", words.trim_start());
    }
    script += "        esac\n    fi\n    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n}\n\n";
    script += "complete -o default -F _deputy deputy\n";
    script
}

fn listed(options: &[&Opt]) -> String {
    options.iter().flat_map(|option| dashed(option)).collect::<Vec<_>>().join(" ")
}
