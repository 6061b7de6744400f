//! The tables of docs/monitoring.md list what the server serves.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::fixture::Watched;
use crate::wait::until;
use crate::{alerts, page, served};

/// The pieces of code in a text.
fn code(text: &str) -> BTreeSet<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn monitoring() -> String {
    page::read("docs/monitoring.md")
}

#[test]
fn the_page_lists_each_metric_with_its_kind_and_labels() {
    let shown = page::table(&monitoring(), "| metric | kind | labels | meaning |");
    let shown: BTreeMap<String, (String, BTreeSet<String>)> =
        shown.iter().map(|row| (row[0].trim_matches('`').to_owned(), (row[1].clone(), code(&row[2])))).collect();
    let real = served::families().iter().map(|(name, family)| {
        let labels = family.labels.keys().cloned().collect();
        (name.clone(), (family.kind.clone(), labels))
    });
    assert_eq!(shown, real.collect());
}

#[test]
fn the_page_lists_the_outcomes() {
    let page = monitoring();
    let text = page.split_once("`outcome` is").unwrap().1.split_once("`kind`").unwrap().0;
    assert_eq!(code(text), served::families()["deputy_jobs_total"].labels["outcome"]);
}

/// The expressions that the page shows.
pub(crate) fn expressions() -> Vec<String> {
    let blocks = page::blocks(&monitoring());
    blocks.iter().filter(|block| block.kind == "promql").map(|block| block.lines.join("\n")).collect()
}

#[test]
fn the_expressions_of_the_page_name_only_what_the_server_has() {
    let expressions = expressions();
    assert!(!expressions.is_empty());
    let unknown = |expression: &String| served::unknown(expression, &alerts::recorded());
    let wrong: Vec<String> = expressions.iter().flat_map(unknown).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_page_lists_the_members_of_the_status() {
    let server = Watched::start(&[]);
    served::do_a_job(&server, "resize");
    let status = until("the row of the type", || {
        let status = server.get("/status.json?type=resize").json();
        (status["servers"][0]["types"][0]["done_total"] == 1).then_some(status)
    });
    let members = |object: &Value| object.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let page = monitoring();
    let shown =
        |head: &str| page::table(&page, head).iter().flat_map(|row| code(&row[0])).collect::<BTreeSet<String>>();
    assert_eq!(shown("| members of a server | meaning |"), members(&status["servers"][0]));
    assert_eq!(shown("| members of a type | meaning |"), members(&status["servers"][0]["types"][0]));
    assert_eq!(members(&status), ["servers", "time_ms", "version"].map(str::to_owned).into());
}

#[test]
fn each_path_of_the_page_answers() {
    let server = Watched::start(&[]);
    let paths = page::table(&monitoring(), "| path | answers |");
    for path in paths.iter().flat_map(|row| code(&row[0])) {
        assert_eq!(server.get(&path).status, 200, "{path}");
    }
}
