//! Links of the pages lead somewhere.

use std::path::Path;

use crate::page;

/// The targets of a page's links, but for those that lead outside.
fn targets(text: &str) -> Vec<String> {
    let prose = page::prose(text);
    let ends = prose.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    ends.map(|(target, _)| target.to_owned()).filter(|target| !target.contains("://")).collect()
}

/// The anchors of a page's headings, as they are made from them on the web.
fn anchors(text: &str) -> Vec<String> {
    let prose = page::prose(text);
    let headings = prose.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let title = line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
            title.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect()
        })
        .collect()
}

#[test]
fn every_link_leads_somewhere() {
    for path in page::all() {
        let path = path.to_str().unwrap();
        let text = page::read(path);
        for target in targets(&text) {
            let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let folder = Path::new(path).parent().unwrap();
            let aim = if file.is_empty() { path.to_owned() } else { folder.join(file).to_str().unwrap().to_owned() };
            assert!(page::root().join(&aim).exists(), "{path} links to {target}, which is not there");
            let has_anchor = anchor.is_empty() || anchors(&page::read(&aim)).iter().any(|known| known == anchor);
            assert!(has_anchor, "{path} links to {target}, but there is no such heading");
        }
    }
}

#[test]
fn targets_and_anchors_are_found() {
    let page = "# One, `two` and three\n\n[a](b.md#c) [d](https://e)\n```\n# no [f](g)\n```\n## can_do\n[h](#i)\n";
    assert_eq!(targets(page), ["b.md#c", "#i"]);
    assert_eq!(anchors(page), ["one-two-and-three", "can_do"]);
}
