//! Numbers and names for people: in the tables of `status` and `top`, in the sentences of `why` and `check`.

use std::fmt::Display;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Shows a whole number with its digits in groups: `1,234,567`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Shows a number of things: `1 job`, `1,234 jobs`.
pub(crate) fn counted(number: u64, one: impl Display) -> String {
    format!("{} {one}{}", count(number), if number == 1 { "" } else { "s" })
}

/// Shows a time in its two largest units: `0.4 s`, `12 s`, `3 min 20 s`, `3 h 20 min`, `2 d 4 h`.
pub(crate) fn age(ms: u64) -> String {
    const UNITS: [(&str, u64); 4] = [("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)];
    let seconds = ms / 1_000;
    if seconds < 10 {
        return format!("{seconds}.{} s", ms % 1_000 / 100);
    }
    let first = UNITS.iter().position(|(_, length)| seconds >= *length).unwrap_or(UNITS.len() - 1);
    let (unit, length) = UNITS[first];
    let whole = format!("{} {unit}", count(seconds / length));
    match UNITS.get(first + 1) {
        Some((next, part)) if seconds % length >= *part => format!("{whole} {} {next}", seconds % length / part),
        _ => whole,
    }
}

/// Shows a number of bytes: `512 B`, `12.3 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    let mut tenths = u128::from(bytes) * 10;
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1_024;
        unit += 1;
    }
    if unit == 0 || tenths >= 1_000 || tenths.is_multiple_of(10) {
        format!("{} {}", tenths / 10, UNITS[unit])
    } else {
        format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
    }
}

/// Shows a rate per second: `0`, `0.5`, `12.3`, `1,234`.
pub(crate) fn rate(per_second: f64) -> String {
    if per_second < 0.05 {
        "0".to_owned()
    } else if per_second < 99.95 {
        format!("{per_second:.1}")
    } else {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is neither large nor negative")]
        let whole = per_second.round() as u64;
        count(whole)
    }
}

/// Returns the columns that a text takes on a terminal.
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
        // Joined characters can be narrower than their parts: so the whole text is measured.
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
    fn numbers_are_shown_for_people() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (u64::MAX, "18,446,744,073,709,551,615")] {
            assert_eq!(count(number), text);
        }
        assert_eq!([counted(0, "job"), counted(1, "job"), counted(2_000, "job")], ["0 jobs", "1 job", "2,000 jobs"]);
        for (ms, text) in [
            (0, "0.0 s"),
            (449, "0.4 s"),
            (9_999, "9.9 s"),
            (10_000, "10 s"),
            (59_999, "59 s"),
            (60_000, "1 min"),
            (200_000, "3 min 20 s"),
            (3_659_000, "1 h"),
            (12_000_000, "3 h 20 min"),
            (187_200_000, "2 d 4 h"),
            (u64::MAX, "213,503,982,334 d 14 h"),
        ] {
            assert_eq!(age(ms), text, "{ms}");
        }
        for (bytes, text) in [
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_024, "1 KiB"),
            (12_900_000, "12.3 MiB"),
            (512 << 20, "512 MiB"),
            (u64::MAX, "16777215 TiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
        for (per_second, text) in
            [(0.0, "0"), (0.049, "0"), (0.5, "0.5"), (99.94, "99.9"), (99.96, "100"), (1_234.4, "1,234")]
        {
            assert_eq!(rate(per_second), text);
        }
    }

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
        // A family of four is as wide as one of them.
        let family = "👨‍👩‍👧‍👦 family";
        for columns in 0..12 {
            assert_eq!(width(&left(family, columns)), columns);
        }
    }
}
