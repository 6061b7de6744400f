//! A thousand types.

use std::io::{self, Write};

use serde_json::json;

use crate::dashboard::{Dashboard, can_do, cell, check_widths, search, submit, text};
use crate::driver::Browser;

/// An expression for the types that are shown, in order.
const SHOWN: &str = "[...document.querySelectorAll('#type-rows bdi')].map((name) => name.textContent).join()";

#[test]
fn a_thousand_types_are_sorted_searched_and_updated_in_place() {
    let Some(browser) = Browser::start() else { return };
    let dashboard = Dashboard::start();
    let names: Vec<String> = (0..1000).map(|number| format!("type {number:03}")).collect();
    let mut worker = dashboard.connect("worker");
    for names in names.chunks(100) {
        can_do(&mut worker, &names.iter().map(String::as_str).collect::<Vec<_>>());
    }
    worker.expect_nothing();
    dashboard.show(&browser, "#sort=name");
    browser.until(&format!("{} === '1,000 types'", text("#matches")));
    check_widths(&browser);

    let listed = |from: usize, to: usize| names[from..to].join(",");
    browser.until(&format!("{SHOWN} === '{}'", listed(0, 50)));
    browser.run("document.querySelector('#next').click()");
    browser.until(&format!("{SHOWN} === '{}' && location.hash.includes('page=2')", listed(50, 100)));
    browser.run("document.querySelector('th.name button').click()");
    let backwards: Vec<&str> = names[950..].iter().rev().map(String::as_str).collect();
    browser.until(&format!("{SHOWN} === '{}'", backwards.join(",")));
    browser.until("document.querySelector('th.name').getAttribute('aria-sort') === 'descending'");
    search(&browser, "E 12");
    browser.until(&format!("{} === '10 of 1,000 types' && location.hash.includes('search=E+12')", text("#matches")));
    browser.run("document.querySelector('#type-rows a').click()");
    browser.until("location.hash.includes('search=E+12') && location.hash.includes('type=type+129')");
    browser.run("document.querySelector('#close').click()");
    search(&browser, "");

    // An update changes texts; rows, focus and place stay.
    browser.run("document.querySelector('th.name button').click()");
    browser.until(&format!("{SHOWN} === '{}'", listed(0, 50)));
    browser.run(
        "window.before = [...document.querySelectorAll('#type-rows tr')];
         before[30].querySelector('a').focus();
         scrollTo(0, 700);
         window.place = scrollY",
    );
    let mut client = dashboard.connect("client");
    submit(&mut client, 1, &names[7]);
    browser.until("before[7].querySelector('td.running').textContent === '1'");
    browser.until("before.every((row, i) => row === document.querySelectorAll('#type-rows tr')[i])");
    browser.until("before[30].querySelector('a') === document.activeElement && scrollY === place");

    // The busiest is first, wherever it was.
    browser.run("document.querySelector('th.running button').click()");
    browser.until(&format!("{SHOWN}.startsWith('{},')", names[7]));

    // While a person is at work in the table, the rows keep their order.
    browser.run(
        "const move = () => document.querySelector('#type-rows').dispatchEvent(new Event('pointermove'));
         move();
         window.work = setInterval(move, 50)",
    );
    submit(&mut client, 2, &names[9]);
    submit(&mut client, 3, &names[9]);
    browser.until(&format!("{} === '2' && {SHOWN}.startsWith('{},')", cell(&names[9], "running"), names[7]));
    browser.run("clearInterval(work)");
    browser.until(&format!("{SHOWN}.startsWith('{},{},')", names[9], names[7]));
    let updated = browser.run("return performance.getEntriesByName('update')[0].duration");
    let _ = writeln!(io::stderr(), "an update with 1,000 types took {updated} ms");
    assert_eq!(browser.run("return document.querySelectorAll('#type-rows tr').length"), json!(50));
    dashboard.check_quiet(&browser);
}

/// With little memory few types have figures of their own, and of the others not all are listed.
#[test]
fn types_that_are_not_listed_are_counted() {
    let Some(browser) = Browser::start() else { return };
    let dashboard = Dashboard::start_with(&["--max-memory", "4M", "--threads", "1"]);
    let mut client = dashboard.connect("client");
    (0..1_200).for_each(|number| submit(&mut client, number, &format!("type {number}")));
    client.expect_nothing();
    dashboard.show(&browser, "");
    browser.until(&format!("/^1,1\\d\\d listed of 1,200 types$/.test({})", text("#matches")));
    browser.until(&format!("{}.startsWith('1,200 jobs wait')", text("#summary")));
    let listed = format!("{}.split(' ')[0]", text("#matches"));
    browser.until(&format!("{} === `At least ${{{listed}}} types without workers`", text("#headline")));
    browser.until(&format!("{}.endsWith('the 1,000 with the most jobs.')", text("#window")));
    browser.until(&format!("{}.startsWith('All types without figures of their own')", text("tfoot")));
    search(&browser, "type 119");
    browser.until(&format!("/^\\d+ of 1,1\\d\\d listed of 1,200 types$/.test({})", text("#matches")));
    dashboard.check_quiet(&browser);
}
