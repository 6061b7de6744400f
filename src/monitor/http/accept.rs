//! Which format of the metrics a client prefers (RFC 9110, section 12.5.1). Pure.

/// Returns whether the client prefers OpenMetrics to the older text format, by the members of the `Accept` field. A
/// client without preference gets the older format, which every program reads.
pub(super) fn prefers_openmetrics<'a>(ranges: impl Iterator<Item = &'a [u8]>) -> bool {
    let (mut openmetrics, mut text) = (0, 0);
    for range in ranges {
        let Ok(range) = std::str::from_utf8(range) else { continue };
        let mut parts = range.split(';').map(str::trim);
        let media = parts.next().unwrap_or_default();
        let (mut quality, mut is_known) = (1_000, true);
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            if name.eq_ignore_ascii_case("q") {
                quality = thousandths(value);
            } else if name.eq_ignore_ascii_case("version") {
                is_known = ["1.0.0", "0.0.4"].contains(&value.trim_matches('"'));
            }
        }
        if !is_known {
            continue;
        }
        if media.eq_ignore_ascii_case("application/openmetrics-text") {
            openmetrics = openmetrics.max(quality);
        } else if media.eq_ignore_ascii_case("text/plain") {
            text = text.max(quality);
        }
    }
    openmetrics > 0 && openmetrics >= text
}

/// Returns a quality of 0 to 1 in thousandths; 0 if the text is no quality.
fn thousandths(text: &str) -> u32 {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{decimals:0<3}");
    match (whole, digits.parse::<u32>()) {
        ("1", Ok(0)) => 1_000,
        ("0", Ok(number)) if digits.len() == 3 => number,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openmetrics_is_sent_to_clients_that_prefer_it() {
        for (accept, expected) in [
            ("", false),
            ("*/*", false),
            ("text/plain", false),
            ("application/openmetrics-text", true),
            ("application/openmetrics-text;version=1.0.0", true),
            ("Application/OpenMetrics-Text; Version=\"1.0.0\"; charset=utf-8", true),
            ("application/openmetrics-text;version=9.0.0", false),
            ("application/openmetrics-text;q=0", false),
            ("application/openmetrics-text;q=0.000", false),
            ("application/openmetrics-text;q=nonsense", false),
            ("application/openmetrics-text;q=0.5,text/plain;q=0.7", false),
            ("application/openmetrics-text;q=0.7,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", true),
            // Prometheus 3.
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
                 application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,\
                 text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
                true,
            ),
        ] {
            let ranges = accept.split(',').map(|range| range.trim().as_bytes());
            assert_eq!(prefers_openmetrics(ranges), expected, "{accept}");
        }
    }
}
