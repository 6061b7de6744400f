//! Help, man pages and completions are well formed, and list every option; docs/command.md lists them as help does.

use std::fs;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use crate::help::{Row, options};
use crate::kit::DEPUTY;
use crate::{page, programs};

/// What the command prints.
fn printed(words: &[&str]) -> String {
    let output = Command::new(DEPUTY).args(words).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{words:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The subcommands, as the help text of all lists them.
fn subcommands() -> Vec<String> {
    let help = printed(&["--help"]);
    let lines = help.lines().skip_while(|line| *line != "Subcommands:").skip(1).take_while(|line| !line.is_empty());
    // Lines that go on with a summary begin further right.
    let lines = lines.filter_map(|line| line.strip_prefix("  ")).filter(|line| !line.starts_with(' '));
    let names: Vec<_> = lines.map(|line| line.split(' ').next().unwrap().to_owned()).collect();
    assert!(names.len() >= 5, "{help}");
    names
}

fn options_of(subcommand: &str) -> Vec<Row> {
    options(Command::new(DEPUTY).arg(subcommand))
}

/// The names of all options of a subcommand, with their dashes.
fn names(rows: &[Row]) -> Vec<String> {
    let names = rows.iter().flat_map(|row| row[0].split(", "));
    names.map(|name| name.trim_matches('`').split(' ').next().unwrap().to_owned()).collect()
}

/// Has a program look at a text; its name is the first word. None where it is missing.
fn look_at(text: &str, command: &[&str]) -> Option<Output> {
    programs::find(command[0])?;
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("text");
    fs::write(&path, text).unwrap();
    let mut command_line = Command::new(command[0]);
    command_line.args(&command[1..]).arg(&path).stdin(Stdio::null()).env("MANWIDTH", "80");
    Some(command_line.output().unwrap())
}

#[test]
fn help_has_examples_and_exit_codes() {
    for subcommand in subcommands() {
        let help = printed(&[&subcommand, "--help"]);
        assert!(help.starts_with(&format!("Usage: deputy {subcommand}")), "{help}");
        for words in ["\nExamples:\n", "\nExit codes:\n", "  -h, --help "] {
            assert!(help.contains(words), "{help}");
        }
        assert_eq!(help, printed(&[&subcommand, "-h"]));
    }
    assert_eq!(printed(&["--help"]), printed(&["-h"]));
    assert_eq!(printed(&["--version"]), format!("deputy {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn every_page_of_the_manual_is_right_and_lists_every_option() {
    for subcommand in subcommands() {
        let manual = printed(&["man", &subcommand]);
        let Some(output) = look_at(&manual, &["groff", "-man", "-Tutf8", "-ww", "-P-cbou"]) else { return };
        let (text, warnings) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && warnings.is_empty(), "{subcommand}: {warnings}");
        for name in names(&options_of(&subcommand)) {
            assert!(text.contains(&name), "{name} is not in {text}");
        }
        for heading in
            ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "ENVIRONMENT", "EXIT STATUS", "EXAMPLES", "SEE ALSO"]
        {
            assert!(text.lines().any(|line| line == heading), "{heading} is not in {text}");
        }
    }
    let manual = printed(&["man"]);
    let output = look_at(&manual, &["groff", "-man", "-Tutf8", "-ww", "-P-cbou"]).unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(subcommands().iter().all(|name| text.contains(&format!("deputy-{name}(1)"))), "{text}");
}

#[test]
fn the_manual_can_be_read_by_man() {
    if let Some(output) = look_at(&printed(&["man", "do"]), &["man", "-l"]) {
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("submit jobs"), "{text}");
    }
}

#[test]
fn completions_list_every_option_and_every_subcommand() {
    let scripts = ["bash", "zsh", "fish"].map(|shell| (shell, printed(&["completions", shell])));
    for subcommand in subcommands() {
        for (shell, script) in &scripts {
            assert!(script.contains(&subcommand), "{subcommand} is not in {script}");
            for name in names(&options_of(&subcommand)) {
                let name = match (*shell, name.strip_prefix("--"), name.strip_prefix('-')) {
                    ("fish", Some(long), _) => format!(" -l {long} "),
                    ("fish", None, Some(short)) => format!(" -s {short} "),
                    _ => name,
                };
                assert!(script.contains(&name), "{name} is not in {script}");
            }
        }
    }
}

#[test]
fn completions_are_right_for_their_shells() {
    for shell in ["bash", "zsh", "fish"] {
        if let Some(output) = look_at(&printed(&["completions", shell]), &[shell, "-n"]) {
            assert!(output.status.success(), "{shell}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
}

#[test]
fn bash_completes_subcommands_options_and_shells() {
    if programs::find("bash").is_none() {
        return;
    }
    for (words, expected) in [
        ("deputy pi", "ping"),
        ("deputy do --ra", "--raw"),
        ("deputy completions z", "zsh"),
        ("deputy man d", "do"),
        ("deputy do -t 1", ""),
    ] {
        let ask = "eval \"$1\"; read -ra COMP_WORDS <<< \"$2\"; COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _deputy; \
                   echo \"${COMPREPLY[*]}\"";
        let script = printed(&["completions", "bash"]);
        let output = Command::new("bash").args(["-c", ask, "bash", &script, words]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), expected, "{words}");
    }
}

#[test]
fn the_page_lists_the_options_as_help_does() {
    let text = page::read("docs/command.md");
    for subcommand in subcommands() {
        let heading = format!("\n## deputy {subcommand}\n");
        let section = text.split_once(&heading).unwrap_or_else(|| panic!("there is no section {heading:?}")).1;
        let section = section.split("\n## ").next().unwrap();
        let rows = page::table(section, "| option | default | |");
        assert_eq!(rows, options_of(&subcommand), "deputy {subcommand}");
        let usage = printed(&[&subcommand, "--help"]);
        let usage = usage.lines().next().unwrap().strip_prefix("Usage: ").unwrap();
        assert!(section.contains(usage), "{usage:?} is not in the section");
    }
}
