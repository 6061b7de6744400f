//! The time in the header field `Date` (RFC 9110, section 5.6.7).

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::server::date;

/// A time that is formatted as `Sun, 06 Nov 1994 08:49:37 GMT`. Times before 1970 are formatted as the first of 1970.
#[derive(Clone, Copy, Debug)]
pub(super) struct HttpDate(pub(super) SystemTime);

const DAY_SECONDS: u64 = 86_400;

impl fmt::Display for HttpDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let days = seconds / DAY_SECONDS;
        let (year, month, day) = date(days);
        let weekday = nth(days % 7, ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]);
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let month = nth(month - 1, months);
        let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
        write!(f, "{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
    }
}

fn nth<const N: usize>(index: u64, names: [&'static str; N]) -> &'static str {
    names[usize::try_from(index).expect("it is less than 12")]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (951_868_800, "Wed, 01 Mar 2000 00:00:00 GMT"),
            (1_798_761_599, "Thu, 31 Dec 2026 23:59:59 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
        ] {
            assert_eq!(HttpDate(UNIX_EPOCH + Duration::from_secs(seconds)).to_string(), text);
        }
        assert_eq!(HttpDate(UNIX_EPOCH - Duration::from_secs(1)).to_string(), "Thu, 01 Jan 1970 00:00:00 GMT");
    }
}
