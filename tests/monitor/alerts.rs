//! The alerts of docs/monitoring: Prometheus accepts them, they fire when they should, and the page explains them.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use crate::{page, programs, served};

/// The folder that the rules are in.
const FOLDER: &str = "docs/monitoring";

/// Runs promtool in a folder, which must succeed. Returns false if there is none.
pub(crate) fn promtool(folder: &Path, arguments: &[&str]) -> bool {
    let Some(program) = programs::find("promtool") else { return false };
    let output = Command::new(program).args(arguments).current_dir(folder).output().unwrap();
    let printed = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "promtool {}:\n{printed}", arguments.join(" "));
    true
}

/// The values of a member of a YAML file, each of which stands on the member's line or is a block below it.
fn members(yaml: &str, member: &str) -> Vec<String> {
    let mut values = Vec::new();
    let mut lines = yaml.lines().peekable();
    while let Some(line) = lines.next() {
        let indent = line.len() - line.trim_start().len();
        let text = line.trim_start().trim_start_matches("- ");
        let Some(value) = text.strip_prefix(member).and_then(|text| text.strip_prefix(": ")) else { continue };
        if !["|", ">-"].contains(&value) {
            values.push(value.to_owned());
            continue;
        }
        let is_inside = |line: &&str| line.len() - line.trim_start().len() > indent;
        let mut block = Vec::new();
        while let Some(line) = lines.next_if(is_inside) {
            block.push(line.trim());
        }
        values.push(block.join(" "));
    }
    values
}

/// The rules' file.
fn rules() -> String {
    page::read(&format!("{FOLDER}/alerts.yml"))
}

/// The names that its rules record.
pub(crate) fn recorded() -> Vec<String> {
    members(&rules(), "record")
}

fn alerts() -> BTreeSet<String> {
    members(&rules(), "alert").into_iter().collect()
}

#[test]
fn prometheus_accepts_the_rules_and_the_sample_configuration() {
    let folder = page::root().join(FOLDER);
    promtool(&folder, &["check", "rules", "alerts.yml"]);
    promtool(&folder, &["check", "config", "prometheus.yml"]);
}

#[test]
fn each_alert_fires_when_it_should_and_no_other_does() {
    promtool(&page::root().join(FOLDER), &["test", "rules", "alerts_test.yml"]);
    let tested = page::read(&format!("{FOLDER}/alerts_test.yml"));
    for alert in alerts() {
        let fires = format!(r#"alertname="{alert}",alertstate="firing""#);
        assert!(tested.contains(&fires), "{alert} never fires in alerts_test.yml");
    }
}

#[test]
fn the_page_explains_each_alert() {
    let page = page::read("docs/monitoring.md");
    let tables = ["| alert | fires when | what to do |", "| alert of a bridge | fires when | what to do |"];
    let shown = tables.iter().flat_map(|heading| page::table(&page, heading));
    let shown: BTreeSet<String> = shown.map(|row| row[0].trim_matches('`').to_owned()).collect();
    assert_eq!(shown, alerts());
}

#[test]
fn the_page_shows_a_part_of_the_sample_configuration() {
    let blocks = page::blocks(&page::read("docs/monitoring.md"));
    let shown = blocks.iter().find(|block| block.lines.iter().any(|line| line == "scrape_configs:")).unwrap();
    let sample = page::read(&format!("{FOLDER}/prometheus.yml"));
    assert!(sample.contains(&shown.lines.join("\n")), "{sample}");
}

#[test]
fn the_rules_name_only_what_the_server_has() {
    let rules = rules();
    let mut wrong: Vec<String> =
        members(&rules, "expr").iter().flat_map(|expression| served::unknown(expression, &recorded())).collect();
    let labels = rules.split("$labels.").skip(1);
    let labels = labels.map(|text| text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap());
    wrong.extend(labels.filter(|label| !served::is_label(label)).map(|label| format!("$labels.{label}")));
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_tests_of_the_rules_invent_only_what_the_server_has() {
    let tests = page::read(&format!("{FOLDER}/alerts_test.yml"));
    let series = tests.lines().filter_map(|line| line.trim().strip_prefix("- {series: '")?.split_once("', values: "));
    let series: Vec<String> = series.map(|(series, _)| series.replace("''", "'")).collect();
    assert!(series.len() > 50, "{series:?}");
    let wrong: Vec<String> = series.iter().flat_map(|series| served::unknown(series, &[])).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn members_of_yaml_are_found() {
    let yaml = "a:\n  - alert: One\n    expr: up == 0\n  - alert: Two\n    expr: |\n      a\n      / b\n    for: 1m\n";
    assert_eq!(members(yaml, "alert"), ["One", "Two"]);
    assert_eq!(members(yaml, "expr"), ["up == 0", "a / b"]);
}
