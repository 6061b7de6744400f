//! Fits names into the columns of tables; formats numbers with the library.

pub(crate) use deputy::monitor::format::{age, count, counted, duration, rate, size};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Returns the width of a text on a terminal, in columns.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// Returns the text in exactly `columns` columns, on the left: padded with spaces, or cut.
pub(crate) fn left(text: &str, columns: usize) -> String {
    let fitted = cut(text, columns);
    let fill = columns - width(&fitted);
    fitted + &" ".repeat(fill)
}

/// Like [`left`], but on the right.
pub(crate) fn right(text: &str, columns: usize) -> String {
    let fitted = cut(text, columns);
    " ".repeat(columns - width(&fitted)) + &fitted
}

/// Returns the text, or its beginning and `…` if it takes more columns.
pub(crate) fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut kept = String::new();
    for c in text.chars() {
        // Joined characters can be narrower than their parts, so the whole text is measured.
        if width(&kept) + c.width().unwrap_or(0) + 1 > columns {
            break;
        }
        kept.push(c);
    }
    while width(&kept) + 1 > columns && kept.pop().is_some() {}
    if columns > 0 {
        kept.push('…');
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_takes_exactly_the_given_columns() {
        for (text, columns, fitted) in [
            ("resize", 8, "resize  "),
            ("resize", 6, "resize"),
            ("resize", 5, "resi…"),
            ("resize", 1, "…"),
            ("resize", 0, ""),
            ("写真を縮", 8, "写真を縮"),
            ("写真を縮", 7, "写真を…"),
            ("写真を縮", 6, "写真… "),
            ("写", 1, "…"),
            ("", 2, "  "),
        ] {
            assert_eq!(left(text, columns), fitted, "{text} in {columns}");
            assert_eq!(right(text, columns).trim_start(), fitted.trim_end());
            assert_eq!(width(&right(text, columns)), columns);
        }
        // A family of four is as wide as one person.
        let family = "👨‍👩‍👧‍👦 family";
        for columns in 0..12 {
            assert_eq!(width(&left(family, columns)), columns);
        }
    }
}
