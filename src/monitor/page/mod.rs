//! The dashboard: one document, which shows what `/status.json` says.
//!
//! The document asks for nothing else. A browser therefore needs no other host, and a strict Content-Security-Policy
//! holds: style and script are in the document, and a response replaces each `@NONCE@` by the nonce of its policy. The
//! script is a module, whose files share one scope in the order of [`DOCUMENT`].

/// The whole document, with `@NONCE@` where the nonce of the response belongs.
pub const DOCUMENT: &str = concat!(
    "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<style nonce=\"@NONCE@\">\n",
    include_str!("page.css"),
    "</style>\n",
    include_str!("page.html"),
    "<script type=\"module\" nonce=\"@NONCE@\">\n",
    include_str!("words.js"),
    include_str!("dom.js"),
    include_str!("view.js"),
    include_str!("ask.js"),
    include_str!("problems.js"),
    include_str!("state.js"),
    include_str!("chart.js"),
    include_str!("types.js"),
    include_str!("detail.js"),
    include_str!("server.js"),
    include_str!("page.js"),
    "</script>\n",
);

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::metrics::{Fault, METRICS};

    use super::*;

    /// What stands between `before` and `after`, each time.
    fn between(before: &str, after: char) -> impl Iterator<Item = &'static str> + '_ {
        DOCUMENT.split(before).skip(1).map(move |rest| rest.split(after).next().unwrap_or_default())
    }

    #[test]
    fn nothing_in_it_breaks_a_strict_policy() {
        assert_eq!(DOCUMENT.matches("nonce=\"@NONCE@\"").count(), 2);
        assert_eq!(DOCUMENT.matches("@NONCE@").count(), 2);
        assert_eq!(DOCUMENT.matches("</script").count(), 1);
        for unsafe_code in
            ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(", "import "]
        {
            assert!(!DOCUMENT.contains(unsafe_code), "{unsafe_code}");
        }
        for blocked in [" style=", " onclick=", " onload=", " src=", "@import", "url("] {
            assert!(!DOCUMENT.contains(blocked), "{blocked}");
        }
        let hosts: BTreeSet<&str> = between("://", '/').collect();
        assert_eq!(hosts, BTreeSet::from(["www.w3.org"]), "the name of SVG, which no browser asks for");
    }

    #[test]
    fn the_script_finds_each_element_that_it_names() {
        let mut found = 0;
        for id in between("$(\"", '"') {
            assert!(DOCUMENT.contains(&format!(" id=\"{id}\"")), "no element has the id {id}");
            found += 1;
        }
        assert!(found > 50, "{found} elements");
    }

    #[test]
    fn it_has_words_for_each_fault_and_names_no_metric_that_is_not() {
        for fault in Fault::ALL {
            assert!(DOCUMENT.contains(&format!(" {}: \"", fault.name())), "no words for {}", fault.name());
        }
        let names = between("totals.", ' ').chain(between(", \"jobs_", '"'));
        let names: BTreeSet<&str> = names
            .map(|name| name.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default())
            .collect();
        let is_metric =
            |name: &str| METRICS.iter().any(|metric| [name, &format!("jobs_{name}")].contains(&metric.name));
        let unknown: Vec<_> = names.iter().filter(|name| !name.is_empty() && !is_metric(name)).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
        assert!(names.len() > 15, "{names:?}");
    }
}
