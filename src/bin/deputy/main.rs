//! `deputy`: the command for shells, cron and people. It turns arguments into calls of the library, and the results of
//! the calls into output and an exit code.
//!
//! | file | what |
//! |---|---|
//! | `commands` | the subcommands, a file or folder each |
//! | `generated` | help, man pages and completion scripts, made from the table |
//! | `subcommand` | a row of the table of subcommands |
//! | `server` | the server's address, valid types, and the meaning of metrics |
//! | `time_limit` | the time limit of a whole command |
//! | `error` | exit codes, and messages on stderr |
//! | `cli` | the table-driven command line, shared with the other programs |
//! | `format` | numbers, ages, sizes and names for people |
//! | `init` | process 1 of a container |
//! | `out` | the standard streams: closed pipes, colour, control characters |
//!
//! No file uses another that is above it in this table.

#[path = "../cli/mod.rs"]
mod cli;
mod commands;
mod error;
mod format;
mod generated;
mod init;
mod out;
mod server;
mod subcommand;
mod time_limit;

use std::io::Write;
use std::process::ExitCode;

use lexopt::{Arg, Parser};

use crate::cli::Opt;
use crate::cli::parse::{Args, UsageError, invalid, parse, quoted, unrecognized};
use crate::commands::{check, r#do, generate, ping, status, top, web, why, work};
use crate::error::{CliError, Outcome};
use crate::generated::help;
use crate::out::Out;
use crate::subcommand::{HELP, Run, Subcommand, VERSION, find};

/// Every subcommand, in the order of the help text.
static SUBCOMMANDS: &[&Subcommand] = &[
    &r#do::DO,
    &work::WORK,
    &status::STATUS,
    &top::TOP,
    &why::WHY,
    &check::CHECK,
    &web::WEB,
    &ping::PING,
    &generate::COMPLETIONS,
    &generate::MAN,
];

fn main() -> ExitCode {
    init::unblock_signals();
    if std::env::args_os().nth(1).is_some_and(|first| first == work::groups::GUARD) {
        work::groups::guard();
        return ExitCode::SUCCESS;
    }
    if let Some(code) = init::run_as_process_1() {
        return code;
    }
    match run(Parser::from_env()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error.print(),
    }
}

/// Reads the first argument: a subcommand, or an option of `deputy` itself.
fn run(mut arguments: Parser) -> Outcome {
    let hint = |error: CliError| error.with_hint("deputy --help");
    let first = arguments.next().map_err(|error| hint(invalid(error).into()))?;
    match first {
        None => Err(hint(CliError::usage("missing argument: SUBCOMMAND"))),
        Some(Arg::Value(name)) => {
            let unknown = || CliError::usage(format!("unrecognized subcommand {}", quoted(&name.to_string_lossy())));
            let found = name.to_str().and_then(|name| find(SUBCOMMANDS, name));
            let subcommand = found.ok_or_else(unknown).map_err(hint)?;
            run_subcommand(subcommand, &mut arguments)
                .map_err(|error| subcommand.refuse(error.with_hint(&format!("deputy {} --help", subcommand.name))))
        }
        Some(option) => {
            let is = |wanted: &Opt| match option {
                Arg::Short(short) => wanted.short == Some(short),
                Arg::Long(long) => wanted.long[2..] == *long,
                Arg::Value(_) => false,
            };
            let text = if is(&HELP) {
                help::main_text(SUBCOMMANDS)
            } else if is(&VERSION) {
                format!("deputy {}\n", env!("CARGO_PKG_VERSION"))
            } else {
                return Err(hint(unrecognized(&option).into()));
            };
            // The call refuses `--version=x`.
            arguments.next().map_err(|error| hint(invalid(error).into()))?;
            Ok(Out::stdout().write_all(text.as_bytes())?)
        }
    }
}

fn run_subcommand(subcommand: &'static Subcommand, arguments: &mut Parser) -> Outcome {
    let args: Result<Args, UsageError> = parse(arguments, subcommand.options, &[&HELP], subcommand.positionals);
    let args = args?;
    if args.is_ended_by(&HELP) {
        return Ok(Out::stdout().write_all(help::subcommand_text(subcommand).as_bytes())?);
    }
    match subcommand.run {
        Run::Args(run) => run(&args),
        Run::Table(run) => run(&args, SUBCOMMANDS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::help::WIDTH;

    #[test]
    fn every_name_is_used_once_and_help_comes_last() {
        for (index, subcommand) in SUBCOMMANDS.iter().enumerate() {
            assert!(SUBCOMMANDS[index + 1..].iter().all(|other| other.name != subcommand.name));
            assert!(subcommand.options.last().is_some_and(|last| last.long == HELP.long), "{}", subcommand.name);
            for (index, option) in subcommand.options.iter().enumerate() {
                assert!(option.long.starts_with("--"));
                let others = &subcommand.options[index + 1..];
                assert!(others.iter().all(|other| other.long != option.long), "{}", option.long);
                assert!(option.short.is_none() || others.iter().all(|other| other.short != option.short));
            }
            assert!(!subcommand.examples.is_empty() && !subcommand.exit_codes.is_empty());
        }
    }

    #[test]
    fn every_help_text_fits_a_terminal() {
        let texts = SUBCOMMANDS.iter().map(|subcommand| help::subcommand_text(subcommand));
        for line in texts.chain([help::main_text(SUBCOMMANDS)]).collect::<String>().lines() {
            assert!(line.chars().count() <= WIDTH && line == line.trim_end(), "{line:?}");
        }
    }
}
