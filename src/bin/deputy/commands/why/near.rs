//! Types that a misspelt name may mean. Pure.

use deputy::client::TypeMetrics;

/// Names that are told at most.
const NAMES_MAX: usize = 3;

/// The types with workers whose names are most like this one, the nearest first.
pub(super) fn similar_names<'a>(name: &str, types: &'a [TypeMetrics]) -> Vec<&'a str> {
    let others = types.iter().filter(|row| row.workers > 0 && row.name != name).map(|row| row.name.as_str());
    let mut near: Vec<(usize, &str)> = others.filter_map(|other| Some((distance(name, other)?, other))).collect();
    near.sort_unstable();
    near.into_iter().map(|(_, other)| other).take(NAMES_MAX).collect()
}

/// How unlike two names are; none if nobody would take one for the other. Small and capital letters are alike.
fn distance(a: &str, b: &str) -> Option<usize> {
    let (a, b) = (a.to_lowercase(), b.to_lowercase());
    let letters = a.chars().count().max(b.chars().count());
    // A letter left out, doubled, wrong or exchanged with its neighbour counts once.
    let slips = strsim::osa_distance(&a, &b);
    let is_part = a.len().min(b.len()) >= 3 && (a.contains(&b) || b.contains(&a));
    (slips <= letters.div_ceil(4) && slips < letters || is_part).then_some(slips)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::commands::health::tests::row;

    #[test]
    fn names_that_one_slip_leads_to_are_near() {
        for (name, others, near) in [
            ("resize", &["resizer", "re-size", "Resize", "crop"][..], &["Resize", "re-size", "resizer"][..]),
            ("thumb", &["thumbnail", "plum"], &["thumbnail"]),
            ("reisze", &["resize"], &["resize"]),
            ("thumbnial", &["thumbnail", "thumbnails"], &["thumbnail", "thumbnails"]),
            ("a", &["b", "A"], &["A"]),
            ("ab", &["abcdefgh", "ba"], &["ba"]),
            ("job-1", &["job-2", "job-3", "job-4", "job-5"], &["job-2", "job-3", "job-4"]),
            ("größe", &["grösse", "große"], &["große", "grösse"]),
            ("encode video", &["decode audio", "x"], &[]),
        ] {
            let types: Vec<_> = others.iter().map(|other| row(other, json!({ "workers": 1 }))).collect();
            assert_eq!(similar_names(name, &types), near, "{name}");
        }
    }

    #[test]
    fn a_type_that_nobody_does_is_no_help_nor_is_the_same_one() {
        let types = [row("resizer", json!({ "waiting": 9 })), row("resize", json!({ "workers": 1 }))];
        assert_eq!(similar_names("resize", &types), [""; 0]);
    }
}
