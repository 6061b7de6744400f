//! Builds the lines by which a worker offers its types and slots.

use std::collections::BTreeSet;

use crate::client::outgoing;

/// The types of a worker, with the options of its offers.
pub(super) struct Offer {
    /// Each list of types in JSON, with more members for its `can_do`. None of them is empty.
    lists: Vec<(String, String)>,
    /// All types, a list in JSON.
    all: String,
}

impl Offer {
    /// `types` are all types, and `spare` those of them for which the worker is a spare one. With `references` the
    /// server sends a reference with each job.
    pub(super) fn new(types: &[&str], spare: &BTreeSet<String>, references: bool) -> Self {
        let (spare, ordinary): (Vec<&str>, Vec<&str>) = types.iter().partition(|&&name| spare.contains(name));
        let lists = [(ordinary, ""), (spare, r#","spare":true"#)].into_iter().filter(|(names, _)| !names.is_empty());
        let members = |class: &str| format!("{class}{}", if references { r#","ref":true"# } else { "" });
        Self {
            lists: lists.map(|(names, class)| (outgoing::list(names), members(class))).collect(),
            all: outgoing::list(types.iter().copied()),
        }
    }

    /// Appends the lines that offer this number of slots. With 0 they withdraw the offer.
    pub(super) fn put(&self, slots: u32, out: &mut Vec<u8>) {
        if slots == 0 {
            out.extend_from_slice(outgoing::cant_do(&self.all).as_bytes());
            return;
        }
        for (types, members) in &self.lists {
            out.extend_from_slice(outgoing::can_do(types, slots, members).as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(types: &[&str], spare: &[&str], references: bool, slots: u32) -> String {
        let spare = spare.iter().map(|&name| name.to_owned()).collect();
        let mut out = Vec::new();
        Offer::new(types, &spare, references).put(slots, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn ordinary_and_spare_types_are_offered_in_lines_of_their_own() {
        let ordinary = "{\"cmd\":\"can_do\",\"types\":[\"a\",\"c\"],\"max_jobs\":2}\n";
        let spare = "{\"cmd\":\"can_do\",\"types\":[\"b\"],\"max_jobs\":2,\"spare\":true}\n";
        assert_eq!(lines(&["a", "c"], &[], false, 2), ordinary);
        assert_eq!(lines(&["b"], &["b"], false, 2), spare);
        assert_eq!(lines(&["a", "b", "c"], &["b"], false, 2), format!("{ordinary}{spare}"));
        assert_eq!(lines(&["a", "b"], &["b"], true, 0), "{\"cmd\":\"cant_do\",\"types\":[\"a\",\"b\"]}\n");
    }

    #[test]
    fn references_are_asked_for_with_each_line() {
        let line = |name: &str, class: &str| {
            format!("{{\"cmd\":\"can_do\",\"types\":[\"{name}\"],\"max_jobs\":1{class},\"ref\":true}}\n")
        };
        assert_eq!(lines(&["a", "b"], &["b"], true, 1), line("a", "") + &line("b", ",\"spare\":true"));
    }
}
