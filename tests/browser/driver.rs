//! A browser that chromedriver drives: the few commands of `WebDriver` (W3C) that the tests need, over plain HTTP.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::process::Process;
use crate::programs;
use crate::wait::{PATIENCE, until};

/// A browser without a window. It ends when it is dropped.
pub(crate) struct Browser {
    driver: Process,
    port: u16,
    session: String,
}

impl Browser {
    /// Starts a browser, or returns none after saying that the test is passed over.
    pub(crate) fn start() -> Option<Self> {
        let (driver, chromium) = (programs::find("chromedriver")?, programs::find("chromium")?);
        let driver = Process::spawn(Command::new(driver).arg("--port=0"), None);
        let port = until("chromedriver's port", || {
            assert_eq!(driver.status(), None, "chromedriver ended: {}", driver.stderr());
            driver.stdout().split_once("started successfully on port ")?.1.split_once('.')?.0.parse().ok()
        });
        let mut browser = Self { driver, port, session: "/session".to_owned() };
        // Names do not resolve, so the browser itself asks for nothing outside either.
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            "--disable-background-networking",
            "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
        ];
        let answer = browser.post(
            "",
            &json!({ "capabilities": { "alwaysMatch": {
                "goog:chromeOptions": { "binary": chromium, "args": arguments },
                "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
            } } }),
        );
        browser.session = format!("/session/{}", answer["sessionId"].as_str().unwrap());
        Some(browser)
    }

    /// Opens an address, and waits until the document is loaded.
    pub(crate) fn open(&self, url: &str) {
        self.post("/url", &json!({ "url": url }));
    }

    /// Runs the body of a function in the document, and returns what it returns.
    pub(crate) fn run(&self, script: &str) -> Value {
        self.run_with(script, &[])
    }

    /// As [`Browser::run`]; the script has `arguments`.
    pub(crate) fn run_with(&self, script: &str, arguments: &[&str]) -> Value {
        self.post("/execute/sync", &json!({ "script": script, "args": arguments }))
    }

    /// Waits until an expression is true in the document.
    pub(crate) fn until(&self, expression: &str) {
        let start = Instant::now();
        while self.run(&format!("return !!({expression})")) != true {
            let seen = || self.run("return location.hash + document.body.innerText");
            assert!(start.elapsed() < PATIENCE, "waited in vain for {expression} in {}", seen());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Presses a key: a character, or one of the numbers for keys in `WebDriver`.
    pub(crate) fn press(&self, key: char) {
        let strokes = [json!({ "type": "keyDown", "value": key }), json!({ "type": "keyUp", "value": key })];
        self.post("/actions", &json!({ "actions": [{ "type": "key", "id": "keys", "actions": strokes }] }));
    }

    /// Sets the size of the view, and whether the person prefers dark colours.
    pub(crate) fn look(&self, width: u32, height: u32, is_dark: bool) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", &size);
        let scheme = if is_dark { "dark" } else { "light" };
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.devtools("Emulation.setEmulatedMedia", &features);
    }

    /// Returns a picture of what is seen, as PNG in base64.
    pub(crate) fn picture(&self) -> String {
        self.devtools("Page.captureScreenshot", &json!({ "format": "png" }))["data"].as_str().unwrap().to_owned()
    }

    /// Returns what the document wrote to the console since the last call, and which of its resources were refused by a
    /// policy. Requests that the server did not answer are left out.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let entries = self.post("/se/log", &json!({ "type": "browser" }));
        let entries = entries.as_array().unwrap().iter().filter(|entry| entry["source"] != "network");
        entries.map(|entry| entry["message"].as_str().unwrap().to_owned()).collect()
    }

    /// Returns the addresses that the browser asked for since the last call.
    pub(crate) fn requests(&self) -> Vec<String> {
        let entries = self.post("/se/log", &json!({ "type": "performance" }));
        let entries = entries.as_array().unwrap().iter().filter_map(|entry| {
            let event: Value = serde_json::from_str(entry["message"].as_str()?).ok()?;
            let is_request = event["message"]["method"] == "Network.requestWillBeSent";
            is_request.then(|| event["message"]["params"]["request"]["url"].as_str().unwrap().to_owned())
        });
        entries.collect()
    }

    fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.post("/goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        let answer = self.ask("POST", path, &body.to_string()).unwrap_or_else(|error| {
            panic!("chromedriver does not answer {path}: {error}: {}", self.driver.stderr());
        });
        let mut answer: Value = serde_json::from_slice(&answer).unwrap();
        assert!(answer["value"]["error"].is_null(), "{path} {body}: {answer}");
        answer["value"].take()
    }

    /// Sends one request on a connection of its own, and returns the body of the answer.
    fn ask(&self, method: &str, path: &str, body: &str) -> io::Result<Vec<u8>> {
        let Self { port, session, .. } = self;
        let mut socket = TcpStream::connect(("127.0.0.1", *port))?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let head = format!("{method} {session}{path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n");
        socket.write_all(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes())?;
        let mut reader = BufReader::new(socket);
        let mut length = 0;
        let mut line = String::new();
        while reader.read_line(&mut line)? > 2 {
            if let Some(("content-length", value)) = line.to_ascii_lowercase().split_once(':') {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
            line.clear();
        }
        let mut answer = vec![0; length];
        reader.read_exact(&mut answer)?;
        Ok(answer)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.ask("DELETE", "", ""); // Without this the browser would outlive its driver.
    }
}
