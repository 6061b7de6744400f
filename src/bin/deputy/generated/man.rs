//! Man pages, in the language of man(7).

use std::fmt::Write;

use super::help::{ABOUT, NOTES};
use crate::cli::Opt;
use crate::cli::help::explanation;
use crate::error::{EXIT_CODES, ExitMeaning};
use crate::subcommand::{HELP, Subcommand, Table, VERSION};

/// Returns the page of `deputy` itself.
pub(crate) fn main_page(table: Table) -> String {
    let mut page = head("deputy", ABOUT.trim_end_matches('.'));
    page += ".SH SYNOPSIS\n.B deputy\n.I SUBCOMMAND\n.RI [ OPTION ].\\|.\\|.\n.SH DESCRIPTION\n";
    paragraphs(&mut page, NOTES);
    page += ".SH SUBCOMMANDS\n";
    for subcommand in table {
        item(&mut page, &format!("\\fBdeputy\\-{}\\fR(1)", text(subcommand.name)), subcommand.summary);
    }
    options(&mut page, &[&HELP, &VERSION]);
    tail(&mut page, EXIT_CODES);
    page += ".SH SEE ALSO\n";
    let names: Vec<_> = table.iter().map(|other| format!(".BR deputy\\-{} (1)", text(other.name))).collect();
    page += &names.join(",\n");
    page.push('\n');
    page
}

/// Returns the page of a subcommand.
pub(crate) fn page(subcommand: &Subcommand) -> String {
    let mut page = head(&format!("deputy-{}", subcommand.name), subcommand.summary);
    let _ = write!(page, ".SH SYNOPSIS\n{}\n.SH DESCRIPTION\n", text(&subcommand.usage()));
    paragraphs(&mut page, &[&format!("{}.", subcommand.capitalized_summary())]);
    paragraphs(&mut page, subcommand.about);
    for word in subcommand.positionals {
        item(&mut page, &format!("\\fI{}\\fR", text(word.name)), word.help);
    }
    options(&mut page, subcommand.options);
    page += ".SH EXAMPLES\n";
    for example in subcommand.examples {
        let _ = write!(page, ".PP\n{}\n.PP\n.nf\n.RS\n{}\n.RE\n.fi\n", text(example.what), text(example.line));
    }
    tail(&mut page, subcommand.exit_codes);
    page += ".SH SEE ALSO\n.BR deputy (1)\n";
    page
}

fn head(name: &str, summary: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!(
        ".TH {} 1 \"\" \"deputy {version}\" \"User Commands\"\n.SH NAME\n{} \\- {}\n",
        text(&name.to_uppercase()),
        text(name),
        text(summary)
    )
}

fn options(page: &mut String, options: &[&Opt]) {
    *page += ".SH OPTIONS\n";
    for option in options {
        let short = option.short.map_or_else(String::new, |short| format!("\\fB\\-{short}\\fR, "));
        let value = match option.value.name() {
            "" => String::new(),
            name => format!(" \\fI{}\\fR", text(name)),
        };
        item(page, &format!("{short}\\fB{}\\fR{value}", text(option.long)), &explanation(option));
    }
}

fn tail(page: &mut String, exits: &[ExitMeaning]) {
    *page += ".SH ENVIRONMENT\n";
    item(page, "DEPUTY_URL", "the server, without --server");
    item(page, "NO_COLOR", "turns colour off, if it is set and not empty");
    *page += ".SH EXIT STATUS\n";
    for (code, meaning) in exits {
        item(page, &code.to_string(), meaning);
    }
}

fn paragraphs(page: &mut String, paragraphs: &[&str]) {
    for paragraph in paragraphs {
        let _ = write!(page, ".PP\n{}\n", text(paragraph)); // Writing to a String cannot fail.
    }
}

/// Appends a tagged paragraph. `tag` is already in roff's language.
fn item(page: &mut String, tag: &str, words: &str) {
    let _ = write!(page, ".TP\n{tag}\n{}\n", text(words));
}

/// Converts plain text to roff's language, for the beginning of a line or within one.
fn text(plain: &str) -> String {
    let mut escaped = String::with_capacity(plain.len() + 8);
    if plain.starts_with(['.', '\'']) {
        escaped += "\\&";
    }
    for c in plain.chars() {
        match c {
            '\\' => escaped += "\\e",
            // A minus for copying, not a hyphen.
            '-' => escaped += "\\-",
            // roff would make typographic quotes of these.
            '\'' => escaped += "\\(aq",
            '`' => escaped += "\\(ga",
            '^' => escaped += "\\(ha",
            '~' => escaped += "\\(ti",
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_never_read_as_roff() {
        assert_eq!(text(".x"), "\\&.x");
        assert_eq!(text("'x'"), "\\&\\(aqx\\(aq");
        assert_eq!(text(r"a\b --c"), r"a\eb \-\-c");
    }
}
