//! Several servers on one page, by `deputy web`.

use std::process::Command;

use serde_json::json;

use crate::dashboard::{cell, check_quiet, check_widths, http_address, seen, submit, text};
use crate::driver::Browser;
use crate::process::{Process, Server, Via};
use crate::wait::until;

/// An expression for the text of a row of the overview.
fn row(server: &str) -> String {
    let rows = "[...document.querySelectorAll('#server-rows tr')]";
    format!("{rows}.find((row) => row.querySelector('a').textContent === {}).textContent", json!(server))
}

#[test]
fn each_server_has_a_row_and_one_is_chosen() {
    let Some(browser) = Browser::start() else { return };
    let (calm, busy) = (Server::start(&[]), Server::start(&[]));
    let [calm_url, busy_url] = [&calm, &busy].map(|server| format!("tcp://{}", server.tcp[0]));
    let mut command = Command::new(env!("CARGO_BIN_EXE_deputy"));
    command.args(["web", "--listen", "127.0.0.1:0", "--server", &calm_url, "--server", &busy_url]);
    let web = Process::spawn(&mut command, None);
    let page = format!("http://{}/", until("the address of the page", || http_address(&web)));
    submit(&mut busy.connect(Via::Tcp, "client"), 1, "thumbnail");

    browser.open(&page);
    browser.until(&format!("{} === '{busy_url}: 1 type without workers'", text("#headline")));
    browser.until(&format!("{}.startsWith('{calm_url} · version ')", text("#about")));
    browser.until(&format!("{}.startsWith('{busy_url}1 type without workers1')", row(&busy_url)));
    browser.until(&format!("{}.startsWith('{calm_url}Healthy0')", row(&calm_url)));
    browser.until(&seen("#no-types"));
    check_widths(&browser);

    // By the link of the problem: the other server, and its type.
    browser.run("document.querySelector('#problems a').click()");
    browser.until(&format!("{}.includes('no worker does that type')", text("#why")));
    browser.until(&format!("{} === '1'", cell("thumbnail", "waiting")));
    browser.until(&format!("document.querySelector('#server').value === '{busy_url}'"));
    browser.run("document.querySelector('#close').click()");
    browser.run("document.querySelector('#server-rows a').click()");
    browser.until(&format!("{}.startsWith('{calm_url} · ')", text("#about")));
    browser.until("!document.querySelector('#type-rows tr') && !document.body.classList.contains('stale')");

    calm.kill();
    browser.until(&format!("{} === 'No answer from {calm_url}'", text("#headline")));
    browser.until(&format!("{}.includes('connection')", text("#problems li")));
    browser.until(&format!("{}.startsWith('{calm_url}No answer')", row(&calm_url)));
    browser.until("document.body.classList.contains('stale')");
    check_widths(&browser);
    check_quiet(&browser, &page);
}
