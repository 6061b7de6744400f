//! A server that goes away and returns.

use crate::dashboard::{Dashboard, submit, text};
use crate::driver::Browser;

#[test]
fn the_page_says_that_the_server_is_gone_and_goes_on_when_it_returns() {
    let Some(browser) = Browser::start() else { return };
    let dashboard = Dashboard::start();
    submit(&mut dashboard.connect("client"), 1, "thumbnail");
    dashboard.show(&browser, "#sort=name");
    browser.until(&format!("{} === '1 type without workers'", text("#headline")));

    dashboard.server.kill();
    browser.until(&format!(r"/^No answer since \d+\ss\. Trying again\.$/.test({})", text("#headline")));
    browser.until("document.body.classList.contains('stale') && document.title === 'No answer - Deputy'");
    browser.until(&format!("{} === 'No answer'", text("#spoken")));
    browser.until(&format!("{} === 'thumbnail'", text("#type-rows bdi")));

    // It has tried more than once.
    browser.until(&format!(r"/since ([3-9]|\d\d+)\ss/.test({})", text("#headline")));

    let _again = dashboard.come_back();
    browser.until(&format!("{} === 'Healthy and ready'", text("#headline")));
    browser.until("!document.body.classList.contains('stale') && document.title === 'Deputy'");
    browser.until("location.hash === '#sort=name' && !document.querySelector('#type-rows tr')");
    dashboard.check_quiet(&browser);
}
