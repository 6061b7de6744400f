//! Reads numbers, sizes and times of a command line. Each function returns `None` for any other text.

use std::time::Duration;

use deputy::limits::{JOB_MS_MAX, SECONDS_MAX};

/// Reads digits, without a sign.
pub(crate) fn parse_uint(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

/// Reads digits, with or without a minus sign before them.
pub(super) fn parse_int(text: &str) -> Option<i64> {
    parse_uint(text.strip_prefix('-').unwrap_or(text))?;
    text.parse().ok()
}

/// Reads digits. One of the letters K, M and G may follow, in either case.
pub(super) fn parse_bytes(text: &str) -> Option<u64> {
    let (digits, unit) = match text.as_bytes().last() {
        Some(b'k' | b'K') => (&text[..text.len() - 1], 1 << 10),
        Some(b'm' | b'M') => (&text[..text.len() - 1], 1 << 20),
        Some(b'g' | b'G') => (&text[..text.len() - 1], 1 << 30),
        _ => (text, 1),
    };
    parse_uint(digits)?.checked_mul(unit)
}

/// Reads a time above 0 and at most a day: digits with or without a decimal point.
pub(crate) fn parse_seconds(text: &str) -> Option<Duration> {
    parse_time(text).filter(|time| !time.is_zero() && *time <= Duration::from_secs(SECONDS_MAX))
}

/// Reads a time of a job, at most 30 days: digits with or without a decimal point.
pub(super) fn parse_job_seconds(text: &str, may_be_zero: bool) -> Option<Duration> {
    let is_within = |time: &Duration| *time <= Duration::from_millis(JOB_MS_MAX) && (may_be_zero || !time.is_zero());
    parse_time(text).filter(is_within)
}

/// Reads seconds. A time below the clock's resolution is 0.
fn parse_time(text: &str) -> Option<Duration> {
    let is_decimal = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let seconds: f64 = if is_decimal { text.parse().ok()? } else { return None };
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_are_read_without_signs_or_exponents() {
        for (text, bytes) in [
            ("2048K", Some(2 << 20)),
            ("2048k", Some(2 << 20)),
            ("3m", Some(3 << 20)),
            ("1g", Some(1 << 30)),
            ("7", Some(7)),
            ("", None),
            ("K", None),
            ("1KB", None),
            ("1T", None),
            ("-1", None),
            ("+1M", None),
            ("1.5M", None),
            ("1 M", None),
            ("0x10", None),
            ("99999999999999999999", None),
            ("18446744073709551615G", None),
        ] {
            assert_eq!(parse_bytes(text), bytes, "{text}");
        }
        for (text, seconds) in [
            ("1", Some(1.0)),
            ("0.5", Some(0.5)),
            (".5", Some(0.5)),
            ("0", None),
            (".", None),
            ("86401", None),
            ("1e3", None),
            ("-1", None),
        ] {
            assert_eq!(parse_seconds(text), seconds.map(Duration::from_secs_f64), "{text}");
        }
        for (text, seconds, above_0) in [
            ("0", Some(0.0), None),
            ("0.0000000001", Some(0.0), None),
            ("0.5", Some(0.5), Some(0.5)),
            ("2592000", Some(2_592_000.0), Some(2_592_000.0)),
            ("2592000.001", None, None),
            ("-1", None, None),
        ] {
            let read = [parse_job_seconds(text, true), parse_job_seconds(text, false)];
            assert_eq!(read, [seconds, above_0].map(|seconds| seconds.map(Duration::from_secs_f64)), "{text}");
        }
        for (text, number) in
            [("-128", Some(-128)), ("7", Some(7)), ("+7", None), ("--7", None), ("-", None), ("", None)]
        {
            assert_eq!(parse_int(text), number, "{text}");
        }
    }
}
