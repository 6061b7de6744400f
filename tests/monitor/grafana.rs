//! The dashboard for Grafana: JSON of the right form, whose expressions are right and name only what the server has.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use serde_json::Value;
use tempfile::TempDir;

use crate::alerts::{promtool, recorded};
use crate::{page, served};

pub(crate) fn dashboard() -> Value {
    serde_json::from_str(&page::read("docs/monitoring/grafana.json")).unwrap()
}

/// The elements of a member that is a list.
fn list<'a>(object: &'a Value, member: &str) -> &'a [Value] {
    object[member].as_array().map_or(&[], Vec::as_slice)
}

fn text<'a>(object: &'a Value, member: &str) -> &'a str {
    object[member].as_str().unwrap_or_else(|| panic!("{member} is no text in {object}"))
}

/// The expressions of all panels and annotations.
pub(crate) fn expressions(dashboard: &Value) -> Vec<&str> {
    let annotations =
        list(&dashboard["annotations"], "list").iter().filter(|annotation| annotation["expr"].is_string());
    let targets = list(dashboard, "panels").iter().flat_map(|panel| list(panel, "targets"));
    targets.chain(annotations).map(|object| text(object, "expr")).collect()
}

/// The queries of its variables: `label_values(SELECTOR, LABEL)`, each as a pair.
fn variables(dashboard: &Value) -> Vec<(&str, &str)> {
    let variables = list(&dashboard["templating"], "list").iter().filter(|variable| variable["type"] == "query");
    let queries = variables.map(|variable| text(&variable["query"], "query"));
    let inside = queries.map(|query| query.strip_prefix("label_values(").unwrap().strip_suffix(')').unwrap());
    inside.map(|inside| inside.rsplit_once(", ").unwrap()).collect()
}

#[test]
fn the_expressions_of_the_dashboard_are_right() {
    let dashboard = dashboard();
    let mut rules = "groups:\n- name: dashboard\n  rules:\n".to_owned();
    let selectors = variables(&dashboard).into_iter().map(|(selector, _)| selector);
    for (number, expression) in expressions(&dashboard).into_iter().chain(selectors).enumerate() {
        let expression = expression.replace("$__rate_interval", "1m");
        writeln!(rules, "  - record: expression:{number}\n    expr: {}", Value::from(expression)).unwrap();
    }
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("rules.yml"), rules).unwrap();
    promtool(folder.path(), &["check", "rules", "rules.yml"]);
}

#[test]
fn the_dashboard_names_only_what_the_server_has() {
    let dashboard = dashboard();
    let recorded = recorded();
    let mut wrong: Vec<String> = Vec::new();
    // Variables of the dashboard are values of labels, so they need no replacement.
    for expression in expressions(&dashboard) {
        wrong.extend(served::unknown(expression, &recorded));
    }
    for (selector, label) in variables(&dashboard) {
        wrong.extend(served::unknown(selector, &recorded));
        wrong.extend((!served::is_label(label)).then(|| label.to_owned()));
    }
    for target in list(&dashboard, "panels").iter().flat_map(|panel| list(panel, "targets")) {
        let labels = text(target, "legendFormat").split("{{").skip(1).map(|rest| rest.split_once("}}").unwrap().0);
        wrong.extend(labels.filter(|label| !served::is_label(label)).map(|label| format!("the legend {label}")));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn each_variable_is_used_and_each_used_one_exists() {
    let dashboard = dashboard();
    let names: BTreeSet<&str> =
        list(&dashboard["templating"], "list").iter().map(|variable| text(variable, "name")).collect();
    let whole = dashboard.to_string();
    let used = whole.split('$').skip(1).map(|rest| {
        rest.trim_start_matches('{').split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap()
    });
    let used: BTreeSet<&str> = used.filter(|name| !name.starts_with("__")).collect();
    assert_eq!(names, used);
    assert_eq!(names, ["datasource", "instance", "job", "server", "type"].into());
}

#[test]
fn panels_have_a_place_of_their_own_an_explanation_and_the_chosen_data_source() {
    let dashboard = dashboard();
    let mut places = BTreeSet::new();
    let mut ids = BTreeSet::new();
    let mut rows = Vec::new();
    for panel in list(&dashboard, "panels") {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "two panels have the id {}", panel["id"]);
        let title = text(panel, "title");
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap());
        assert!(w > 0 && h > 0 && x + w <= 24, "{title} is outside of the grid");
        for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            assert!(places.insert(cell), "{title} covers another panel");
        }
        if text(panel, "type") == "row" {
            rows.push(title);
            continue;
        }
        assert!(text(panel, "description").ends_with('.'), "{title} has no description");
        assert!(!list(panel, "targets").is_empty(), "{title} shows nothing");
        let letters: BTreeSet<&str> = list(panel, "targets").iter().map(|target| text(target, "refId")).collect();
        assert_eq!(letters.len(), list(panel, "targets").len(), "{title}: two queries have one letter");
        for object in list(panel, "targets").iter().chain([panel]) {
            assert_eq!(object["datasource"]["uid"], "${datasource}", "{title}");
        }
    }
    assert_eq!(rows, ["Overview", "Types", "Latency", "Shards", "Process"]);
}
