//! `deputy`: the command for shells, cron and people. Arguments in, exit code out; the talking is the library's.
//!
//! | file | what |
//! |---|---|
//! | `subcommand`, `options` | the table of subcommands, their words and options |
//! | `args` | the command line, read by that table |
//! | `pages` | help, man pages and completions, made from that table |
//! | `problem` | exit codes, and what is told on stderr |
//! | `figures` | counts, ages, sizes and names, as people read them |
//! | `out` | writing to stdout: closed pipes, colour, control characters |
//! | `commands` | the subcommands, a file each |

use std::io::Write;
use std::process::ExitCode;

use crate::args::Request;
use crate::error::Outcome;
use crate::out::Out;

mod args;
mod commands;
mod error;
mod format;
mod generated;
mod options;
mod out;
mod subcommand;

fn main() -> ExitCode {
    match run(lexopt::Parser::from_env()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => problem.print(),
    }
}

fn run(words: lexopt::Parser) -> Outcome {
    match args::parse(words)? {
        Request::Help(subcommand) => Ok(Out::stdout().write_all(generated::help::text(subcommand).as_bytes())?),
        Request::Version => Ok(writeln!(Out::stdout(), "deputy {}", env!("CARGO_PKG_VERSION"))?),
        Request::Run(subcommand, args) => {
            (subcommand.run)(&args).map_err(|problem| problem.with_help_of(Some(subcommand)))
        }
    }
}
