//! The columns of `--help`.

use std::fmt::Write;

use super::Opt;

/// Columns of the narrowest terminal.
pub(crate) const WIDTH: usize = 80;

/// The names of an option and its value, as `-j, --jobs N`.
pub(crate) fn names(option: &Opt) -> String {
    let short = option.short.map_or_else(|| "    ".to_owned(), |short| format!("-{short}, "));
    let value = option.value.name();
    let gap = if value.is_empty() { "" } else { " " };
    format!("{short}{}{gap}{value}", option.long)
}

/// What an option does, and its default.
pub(crate) fn explanation(option: &Opt) -> String {
    if option.default.is_empty() { option.help.to_owned() } else { format!("{} [{}]", option.help, option.default) }
}

/// Appends the rows of options.
pub(crate) fn options(text: &mut String, options: &[&Opt], column: usize) {
    for option in options {
        row(text, &names(option), &explanation(option), column);
    }
}

/// Appends two columns; the right one begins at `column`. If the left text is too long, the right text begins on the
/// next line.
pub(crate) fn row(text: &mut String, left: &str, right: &str, column: usize) {
    let right = wrapped(right, column);
    // Writing to a String cannot fail.
    let _ = if left.len() + 4 <= column {
        write!(text, "  {left:width$}{}", right.trim_start(), width = column - 2)
    } else {
        write!(text, "  {left}\n{right}")
    };
}

/// Breaks a text into lines that fit a terminal, each indented.
pub(crate) fn wrapped(text: &str, indent: usize) -> String {
    let mut lines = String::new();
    let mut column = 0;
    for word in text.split(' ') {
        let width = word.chars().count();
        if column > 0 && column + 1 + width > WIDTH {
            lines.push('\n');
            column = 0;
        }
        let _ = if column == 0 {
            column = indent + width;
            write!(lines, "{:indent$}{word}", "")
        } else {
            column += 1 + width;
            write!(lines, " {word}")
        };
    }
    lines.push('\n');
    lines
}

/// Panics unless each of these options has a name of its own and is in this help text. Panics too if the text does not
/// fit a terminal.
#[cfg(test)]
pub(crate) fn check(options: &[&Opt], text: &str) {
    for (index, option) in options.iter().enumerate() {
        let others = &options[index + 1..];
        assert!(others.iter().all(|other| other.long != option.long), "{}", option.long);
        assert!(option.short.is_none() || others.iter().all(|other| other.short != option.short), "{}", option.long);
        assert!(text.contains(&names(option)), "{}", option.long);
    }
    for line in text.lines() {
        assert!(line.len() <= WIDTH && line == line.trim_end(), "{line:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paragraph_is_broken_between_words() {
        assert_eq!(wrapped(&"1234567 ".repeat(10), 4), {
            let line = |count| format!("    {}\n", ["1234567"].repeat(count).join(" "));
            format!("{}    1234567 \n", line(9))
        });
    }
}
