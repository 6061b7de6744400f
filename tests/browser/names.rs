//! Types with strange names.

use serde_json::json;

use crate::dashboard::{Dashboard, check_widths, submit, text};
use crate::driver::Browser;

/// Types, and what is seen of them if that differs.
const NAMES: [(&str, &str); 10] = [
    ("<script>alert(1)</script>", ""),
    ("</title></script><img src=x onerror=alert(1)>", ""),
    ("\"quoted\" 'type' &amp; `more` ${1}", ""),
    ("line\nend\r\ttab", "line‹U+000A›end‹U+000D›‹U+0009›tab"),
    ("\u{202e}gnp.exe", "‹U+202E›gnp.exe"),
    ("zero\u{200b}width\u{2028}", "zero‹U+200B›width‹U+2028›"),
    ("  ", "‹U+0020›‹U+0020›"),
    ("שלום עולם", ""),
    ("a%2Fb/../#type=c&sort=name", ""),
    ("__proto__", ""),
];

#[test]
fn strange_names_are_seen_as_text() {
    let Some(browser) = Browser::start() else { return };
    let dashboard = Dashboard::start();
    let mut client = dashboard.connect("client");
    let long = "x".repeat(255);
    let names = || NAMES.into_iter().chain([(long.as_str(), "")]);
    for (id, (name, _)) in (1..).zip(names()) {
        submit(&mut client, id, name);
    }
    dashboard.show(&browser, "#sort=name");
    browser.until(&format!("{} === '{} types'", text("#matches"), names().count()));
    let mut expected: Vec<&str> = names().map(|(name, seen)| if seen.is_empty() { name } else { seen }).collect();
    let shown = browser.run("return [...document.querySelectorAll('#type-rows bdi')].map((name) => name.textContent)");
    let mut shown: Vec<&str> = shown.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    expected.sort_unstable();
    shown.sort_unstable();
    assert_eq!(shown, expected);
    check_widths(&browser);

    for (name, seen) in names() {
        let seen = if seen.is_empty() { name } else { seen };
        browser.run_with("location.hash = new URLSearchParams({ type: arguments[0] })", &[name]);
        browser.until(&format!("{} === {}", text("#type-name"), json!(seen)));
        browser.until(&format!("{}.includes('no worker does that type')", text("#why")));
        browser.run("document.querySelector('#close').click()");
    }
    browser.run_with("location.hash = new URLSearchParams({ type: arguments[0] })", &[&long]);
    browser.until(&format!("{}.includes('no worker does that type')", text("#why")));
    check_widths(&browser);
    assert_eq!(browser.run("return document.querySelectorAll('script, img, iframe').length"), 1, "its own script");
    dashboard.check_quiet(&browser);
}
