//! Numbers and names for people: in the tables of `status` and `top`, in the sentences of `why` and `check`.

use std::borrow::Cow;
use std::fmt::{Display, Write as _};
use std::time::Duration;

/// Shows a whole number with its digits in groups: `1,234,567`.
pub fn count(number: u64) -> String {
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
pub fn counted(number: u64, one: impl Display) -> String {
    format!("{} {one}{}", count(number), if number == 1 { "" } else { "s" })
}

/// Shows a time in its two largest units: `0.4 s`, `12 s`, `3 min 20 s`, `3 h 20 min`, `2 d 4 h`.
pub fn age(ms: u64) -> String {
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

/// Shows a short or a long time: `0.25 ms`, `2.5 ms`, `250 ms`, `1.2 s`, `3 min 20 s`.
pub fn duration(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1e3;
    if ms < 0.995 {
        format!("{ms:.2} ms")
    } else if ms < 9.95 {
        format!("{ms:.1} ms")
    } else if ms < 999.5 {
        format!("{ms:.0} ms")
    } else {
        age(u64::try_from((time + Duration::from_micros(500)).as_millis()).unwrap_or(u64::MAX))
    }
}

/// Shows a number of bytes: `512 B`, `12.3 MiB`.
pub fn size(bytes: u64) -> String {
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
pub fn rate(per_second: f64) -> String {
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

/// Escapes all control characters, and characters that turn the direction of others, for a name within one line.
pub fn one_line(text: &str) -> Cow<'_, str> {
    escape(text, |c| c.is_control() || is_invisible(c))
}

/// Whether a character is invisible, but ends a line or turns the direction of others.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Escapes the characters that `is_bad` returns true for.
pub fn escape(text: &str, is_bad: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_bad) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_bad(c) {
            // Writing to a String cannot fail.
            let _ = write!(shown, "{}", c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown.into()
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
    fn times_have_two_or_three_digits() {
        for (us, text) in [
            (0, "0.00 ms"),
            (254, "0.25 ms"),
            (994, "0.99 ms"),
            (996, "1.0 ms"),
            (9_949, "9.9 ms"),
            (9_950, "10 ms"),
            (999_499, "999 ms"),
            (999_500, "1.0 s"),
            (3_599_900_000, "59 min 59 s"),
            (3_600_000_000, "1 h"),
        ] {
            assert_eq!(duration(Duration::from_micros(us)), text, "{us}");
        }
    }

    #[test]
    fn control_characters_of_a_name_are_escaped() {
        assert_eq!(one_line("a\x1b[2J\u{9b}b\tc\nd\u{7f}é"), "a\\u{1b}[2J\\u{9b}b\\tc\\nd\\u{7f}é");
        assert_eq!(one_line("a\u{202e}gpj.exe\u{2028}"), "a\\u{202e}gpj.exe\\u{2028}");
        assert!(matches!(one_line("plain \u{5d0}"), Cow::Borrowed(_)));
    }
}
