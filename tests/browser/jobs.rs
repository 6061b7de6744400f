//! What is seen of jobs as they pass.

use serde_json::json;

use crate::dashboard::{Dashboard, can_do, cell, check_widths, seen, submit, take, text};
use crate::driver::Browser;

/// Numbers for keys in `WebDriver`.
const ENTER: char = '\u{e007}';
const ESCAPE: char = '\u{e00c}';
const LEFT: char = '\u{e012}';

#[test]
fn jobs_are_seen_as_they_pass() {
    let Some(browser) = Browser::start() else { return };
    let dashboard = Dashboard::start();
    dashboard.show(&browser, "");
    browser.until(&format!("{} === 'Healthy and ready'", text("#headline")));
    browser.until(&seen("#no-types"));
    check_widths(&browser);

    let mut client = dashboard.connect("client");
    submit(&mut client, 1, "thumbnail");
    browser.until(&format!("{} === '1 type without workers'", text("#headline")));
    browser.until("document.title === '1 type without workers - Deputy'");
    browser.until(&format!("{} === 'No workers'", cell("thumbnail", "state")));
    browser.until(&format!("{} === '1'", cell("thumbnail", "waiting")));
    browser.until(&format!("{}.startsWith('1 job waits, the oldest for ')", text("#summary")));

    let mut worker = dashboard.connect("worker");
    can_do(&mut worker, &["thumbnail"]);
    let job = take(&mut worker);
    browser.until(&format!("{} === 'Healthy and ready'", text("#headline")));
    browser.until(&format!("{} === '1'", cell("thumbnail", "running")));

    worker.send(&json!({ "cmd": "did", "job": job }).to_string());
    client.expect(r#"{"cmd":"did","id":1}"#);
    submit(&mut client, 2, "thumbnail");
    let job = take(&mut worker);
    worker.send(&json!({ "cmd": "did", "job": job, "err": "no such picture" }).to_string());
    client.line();
    browser.until(&format!("{} === '0'", cell("thumbnail", "running")));
    check_widths(&browser);
    dashboard.check_quiet(&browser);
}

#[test]
fn an_opened_type_shows_why_its_jobs_wait_and_how_long_they_took() {
    let Some(browser) = Browser::start() else { return };
    let dashboard = Dashboard::start();
    let (mut client, mut worker) = (dashboard.connect("client"), dashboard.connect("worker"));
    can_do(&mut worker, &["thumbnail", "crop"]);
    for (id, answer) in [(1, json!({ "res": 1 })), (2, json!({ "err": 1 }))] {
        submit(&mut client, id, "thumbnail");
        let mut line = json!({ "cmd": "did", "job": take(&mut worker) });
        line.as_object_mut().unwrap().extend(answer.as_object().unwrap().clone());
        worker.send(&line.to_string());
        client.line();
    }
    submit(&mut client, 3, "thumbnail");
    take(&mut worker);
    dashboard.show(&browser, "");
    browser.until(&format!("{} === '1'", cell("thumbnail", "running")));

    // By keys alone.
    browser
        .run("[...document.querySelectorAll('#type-rows a')].find((link) => link.textContent === 'thumbnail').focus()");
    browser.press(ENTER);
    browser.until(&seen("#why"));
    browser.until("location.hash === '#type=thumbnail' && document.activeElement.id === 'type-name'");
    browser.until(&format!("{}.startsWith('No job of type \"thumbnail\" is waiting; 1 is running')", text("#why")));
    browser.run("document.querySelector('#ever').click()");
    browser.until(&format!("{} === '2 jobs'", text("#run p")));
    browser.until(&format!("{} === '3 jobs'", text("#wait p")));
    browser.until("document.querySelectorAll('#run .bar').length > 0");
    browser.until(&format!("{} === 'Done1Failed1'", text("#outcomes")));
    browser.until(&format!("/Oldest running job.* at worker 127.0.0.1:/.test({})", text("#type-figures")));
    check_widths(&browser);
    browser.press(ESCAPE);
    browser.until("location.hash === '' && document.activeElement.textContent === 'thumbnail'");

    // The link alone opens it too, and going back closes it.
    browser.run("history.back()");
    browser.until(&seen("#why"));
    dashboard.show(&browser, "#search=no%20such&type=crop");
    browser
        .until(&format!("{} === 'crop' && document.querySelector('#search').value === 'no such'", text("#type-name")));
    browser.until(&format!("/1 worker does that type/.test({})", text("#why")));

    // The curves can be read by keys.
    browser.look(1600, 900, false);
    browser.until("document.querySelector('figure > svg').getAttribute('aria-valuemax') > 0");
    browser.run("document.querySelector('figure > svg').focus()");
    browser.press(LEFT);
    browser
        .until("/ ago: Done .*, Failed /.test(document.querySelector('figure > svg').getAttribute('aria-valuetext'))");
    dashboard.check_quiet(&browser);
}

#[test]
fn all_that_is_wrong_with_a_type_can_be_read_at_each_width() {
    let Some(browser) = Browser::start() else { return };
    let dashboard = Dashboard::start();
    let (mut client, mut worker) = (dashboard.connect("client"), dashboard.connect("worker"));
    can_do(&mut worker, &["thumbnail"]);
    submit(&mut client, 1, "thumbnail");
    take(&mut worker);
    drop(worker);
    dashboard.show(&browser, "");
    browser.until(&format!("{} === 'No workers, Lost 1 worker'", cell("thumbnail", "state")));
    for width in [400, 1200, 1600] {
        browser.look(width, 900, false);
        browser.until(
            "[...document.querySelectorAll('#type-rows td.state')].every((cell) => {
                const text = document.createRange();
                text.selectNodeContents(cell);
                const [inner, outer] = [text.getBoundingClientRect(), cell.getBoundingClientRect()];
                return inner.width > 0 && inner.left >= outer.left && inner.right <= outer.right
                    && inner.top >= outer.top && inner.bottom <= outer.bottom;
            })",
        );
    }
    dashboard.check_quiet(&browser);
}

#[test]
fn each_rate_says_of_which_time_it_is() {
    let Some(browser) = Browser::start() else { return };
    let dashboard = Dashboard::start();
    submit(&mut dashboard.connect("client"), 1, "thumbnail");
    dashboard.show(&browser, "#type=thumbnail");
    browser.look(1600, 900, false);
    let first_curve = text("figure .when");
    browser.until(&format!("{first_curve} === 'the last 2\u{a0}s'"));
    browser.until(&format!(
        "/^Done.s and Failed.s are the mean of the last \\d[.\\d]*\u{a0}s\\./.test({})",
        text("#window")
    ));
    browser
        .until(&format!("/Per second, of the last \\d[.\\d]*\u{a0}s0 done, 0 failed/.test({})", text("#type-figures")));
    dashboard.check_quiet(&browser);
}
