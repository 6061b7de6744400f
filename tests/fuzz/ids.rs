//! When two ids are the same: compared with a plain comparison of strings and of decimal numbers.

use std::sync::LazyLock;

use deputy::protocol::id::same;
use serde_json::value::RawValue;

use crate::{corpus, each};

/// Strings and numbers of the corpus.
static VALUES: LazyLock<Vec<Vec<u8>>> =
    LazyLock::new(|| corpus::values().into_iter().map(|(value, _)| value).collect());

#[test]
fn ids_are_the_same_by_text_by_meaning_or_by_value() {
    bolero::check!(name = "ids").for_each(|bytes: &[u8]| each(bytes, &VALUES, check));
}

/// Compares the ids among the lines, each with the next.
fn check(bytes: &[u8]) {
    let lines = bytes.split(|&byte| byte == b'\n').filter_map(|line| serde_json::from_slice::<&RawValue>(line).ok());
    let ids: Vec<&str> = lines.map(RawValue::get).filter(|id| !id.starts_with(['{', '[', 't', 'f', 'n'])).collect();
    for pair in ids.windows(2) {
        let (a, b) = (pair[0], pair[1]);
        assert!(same(a, a), "{a}");
        assert_eq!(same(a, b), same(b, a), "{a} and {b}");
        if let Some(expected) = expected(a, b) {
            assert_eq!(same(a, b), expected, "{a} and {b}");
        }
    }
}

/// Whether they are the same; `None` where it takes more than this to know.
fn expected(a: &str, b: &str) -> Option<bool> {
    if a == b {
        return Some(true);
    }
    match [a, b].map(|id| id.starts_with('"')) {
        // Lone surrogates are left to the tables.
        [true, true] => Some(serde_json::from_str::<String>(a).ok()? == serde_json::from_str::<String>(b).ok()?),
        [false, false] => Decimal::read(a)?.is(&Decimal::read(b)?),
        _ => Some(false),
    }
}

/// A number: 0.`digits` times ten to the `point`, without zeros at either end of the digits.
#[derive(Debug, PartialEq)]
struct Decimal {
    negative: bool,
    digits: String,
    point: i64,
}

impl Decimal {
    /// A JSON number's value; `None` if its exponent is out of all bounds.
    fn read(text: &str) -> Option<Self> {
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let exponent: i32 = exponent.parse().ok()?;
        let negative = mantissa.starts_with('-');
        let (whole, fraction) = mantissa.trim_start_matches('-').split_once('.').unwrap_or((mantissa, ""));
        let whole = whole.trim_start_matches('-');
        let all = format!("{whole}{fraction}");
        let digits = all.trim_start_matches('0');
        let leading = all.len() - digits.len();
        let digits = digits.trim_end_matches('0').to_owned();
        if digits.is_empty() {
            return Some(Self { negative: false, digits, point: 0 });
        }
        let length = |text: &str| i64::try_from(text.len()).expect("a text is short");
        let point = length(whole) - i64::try_from(leading).expect("a text is short") + i64::from(exponent);
        Some(Self { negative, digits, point })
    }

    /// Whether another text of this value is the same id: doubles hold 15 digits, and powers of ten up to 308.
    fn is(&self, other: &Self) -> Option<bool> {
        if self.point > 310 || other.point > 310 {
            return Some(false); // Beyond a double only the text counts.
        }
        let held = |it: &Self| it.digits.len() <= 15 && (-300..=308).contains(&it.point);
        let equal = self == other;
        (self.point < 308 && equal || held(self) && held(other)).then_some(equal)
    }
}
