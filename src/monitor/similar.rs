//! Finds the types whose names are similar to a misspelt name. Pure.

use crate::client::TypeMetrics;

/// The most names that are suggested.
const NAMES_MAX: usize = 3;

/// Returns the types with workers whose names are most similar, the most similar first.
pub(super) fn similar_names<'a>(name: &str, types: &'a [TypeMetrics]) -> Vec<&'a str> {
    let others = types.iter().filter(|row| row.workers > 0 && row.name != name).map(|row| row.name.as_str());
    let mut near: Vec<(usize, &str)> = others.filter_map(|other| Some((distance(name, other)?, other))).collect();
    near.sort_unstable();
    near.into_iter().map(|(_, other)| other).take(NAMES_MAX).collect()
}

/// Returns the distance of two names, without regard to case; none if they are not similar.
fn distance(a: &str, b: &str) -> Option<usize> {
    let (a, b) = (a.to_lowercase(), b.to_lowercase());
    let letters = a.chars().count().max(b.chars().count());
    // A letter that is missing, doubled, wrong or swapped with the next counts once.
    let slips = strsim::osa_distance(&a, &b);
    let is_part = a.len().min(b.len()) >= 3 && (a.contains(&b) || b.contains(&a));
    (slips <= letters.div_ceil(4) && slips < letters || is_part).then_some(slips)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::monitor::state::tests::row;

    #[test]
    fn names_with_one_slip_are_similar() {
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
    fn only_other_types_with_workers_are_suggested() {
        let types = [row("resizer", json!({ "waiting": 9 })), row("resize", json!({ "workers": 1 }))];
        assert_eq!(similar_names("resize", &types), [""; 0]);
    }
}
