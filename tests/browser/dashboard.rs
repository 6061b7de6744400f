//! A server with a dashboard, and what a test does with the page.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::client::Client;
use crate::driver::Browser;
use crate::process::port::Port;
use crate::process::{Process, Server, Via, start_process};
use crate::wait::until;

/// A server with a dashboard.
pub(crate) struct Dashboard {
    pub(crate) server: Server,
    /// Where the page is.
    http: Port,
}

impl Dashboard {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts a server with these options too.
    pub(crate) fn start_with(options: &[&str]) -> Self {
        let http = Port::keep();
        let server = Server::start(&[&["--http", &http.address.to_string()], options].concat());
        let announced = until("the address of the page", || http_address(&server.process));
        assert_eq!(announced, http.address);
        Self { server, http }
    }

    /// Starts another server at the same addresses, after this one was killed.
    pub(crate) fn come_back(&self) -> Process {
        let (port, http) = (self.server.tcp[0].port().to_string(), self.http.address.to_string());
        let process = start_process(&[], &["-p", &port, "--http", &http]);
        assert!(process.listens().is_some(), "{}", process.stderr());
        process
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.http.address)
    }

    pub(crate) fn connect(&self, name: &str) -> Client {
        self.server.connect(Via::Tcp, name)
    }

    /// Opens the page, and waits for its first figures.
    pub(crate) fn show(&self, browser: &Browser, hash: &str) {
        browser.open(&format!("{}{hash}", self.url()));
        browser.until("document.querySelector('#about').textContent");
    }

    /// Checks that the page has asked for nothing outside, and that its scripts and its policy did not complain.
    pub(crate) fn check_quiet(&self, browser: &Browser) {
        check_quiet(browser, &self.url());
    }
}

/// As [`Dashboard::check_quiet`], of the page at this address.
pub(crate) fn check_quiet(browser: &Browser, own: &str) {
    assert_eq!(browser.complaints(), Vec::<String>::new());
    for url in browser.requests() {
        let is_own = [own, "data:", "about:", "chrome:"].iter().any(|own| url.starts_with(own));
        assert!(is_own, "the page asked for {url}");
    }
}

/// Returns where a process says that it serves its page.
pub(crate) fn http_address(process: &Process) -> Option<SocketAddr> {
    let stderr = process.stderr();
    let line = stderr.split_inclusive('\n').find(|line| line.contains("http on ") && line.ends_with('\n'))?;
    line.split_once("http on ")?.1.split_whitespace().next()?.trim_end_matches(',').parse().ok()
}

/// Submits a job that has no argument.
pub(crate) fn submit(client: &mut Client, id: u64, kind: &str) {
    client.send(&json!({ "cmd": "do", "id": id, "type": kind }).to_string());
}

/// Makes a connection a worker.
pub(crate) fn can_do(client: &mut Client, kinds: &[&str]) {
    client.send(&json!({ "cmd": "can_do", "types": kinds, "max_jobs": 8 }).to_string());
}

/// Takes a job, and returns the number that answers it.
pub(crate) fn take(worker: &mut Client) -> u64 {
    let job: Value = serde_json::from_str(&worker.line()).unwrap();
    job["job"].as_u64().unwrap()
}

/// An expression for the text of a cell in the table of types.
pub(crate) fn cell(kind: &str, column: &str) -> String {
    let row = format!(
        "[...document.querySelectorAll('#type-rows tr')].find((row) => row.querySelector('bdi').textContent === {})",
        json!(kind)
    );
    format!("({row}?.querySelector('td.{column}').textContent)")
}

/// An expression for the text of an element.
pub(crate) fn text(selector: &str) -> String {
    format!("document.querySelector({}).textContent", json!(selector))
}

/// An expression that is true if the element is seen.
pub(crate) fn seen(selector: &str) -> String {
    format!("document.querySelector({}).offsetParent", json!(selector))
}

/// Searches the types.
pub(crate) fn search(browser: &Browser, text: &str) {
    browser.run_with(
        "const search = document.querySelector('#search');
         search.value = arguments[0];
         search.dispatchEvent(new Event('input'))",
        &[text],
    );
}

/// Checks that the page is not wider than the view, on a telephone and on a large screen, in light and dark.
pub(crate) fn check_widths(browser: &Browser) {
    for (width, is_dark) in [(400, false), (400, true), (1600, false), (1600, true)] {
        browser.look(width, 900, is_dark);
        // The curves are drawn again for their width.
        browser.until(
            "[...document.querySelectorAll('figure > svg')].every((svg) =>
                !svg.clientWidth || !svg.firstChild || svg.getBBox().width <= svg.clientWidth + 1)",
        );
        let wide = browser.run(
            "const seen = [...document.querySelectorAll('body *')].filter((one) => !one.closest('.wide, .unseen'));
             const out = seen.filter((one) => one.getBoundingClientRect().right > innerWidth + 1);
             const isTooWide = document.documentElement.scrollWidth > innerWidth;
             return isTooWide ? ['too wide', ...out.map((one) => one.outerHTML.slice(0, 80))] : []",
        );
        assert_eq!(wide, json!([]), "at {width}");
    }
    let colour = |is_dark| {
        browser.look(1600, 900, is_dark);
        browser.run("return getComputedStyle(document.body).backgroundColor")
    };
    assert_ne!(colour(true), colour(false), "dark differs from light");
}
