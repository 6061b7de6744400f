//! The time in the header field `Date` (RFC 9110, section 5.6.7).

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// A time that is formatted as `Sun, 06 Nov 1994 08:49:37 GMT`. Times before 1970 are formatted as the first of 1970.
#[derive(Clone, Copy, Debug)]
pub(super) struct HttpDate(pub(super) SystemTime);

const SECONDS_PER_DAY: u64 = 86_400;
/// Days of 400 years of the Gregorian calendar, after which it repeats, weekdays included.
const DAYS_PER_ERA: u64 = 146_097;
/// From 1 March of the year 0 to 1 January 1970. A year that begins in March has its leap day at its end.
const DAYS_BEFORE_1970: u64 = 719_468;

impl fmt::Display for HttpDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let days = seconds / SECONDS_PER_DAY;
        let weekday = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][usize::try_from(days % 7).unwrap_or_default()];
        let (year, month, day) = civil(days);
        let month = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][month];
        let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
        write!(f, "{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
    }
}

/// Returns the year, the month from 0 and the day from 1 of a day after 1 January 1970.
fn civil(days: u64) -> (u64, usize, u64) {
    let days = days + DAYS_BEFORE_1970;
    let (era, day_of_era) = (days / DAYS_PER_ERA, days % DAYS_PER_ERA);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12;
    (era * 400 + year_of_era + u64::from(month < 2), usize::try_from(month).unwrap_or_default(), day)
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
