//! What is at each path, and how HTTP is spoken.

use crate::browser::get;
use crate::fixture::Watched;

#[test]
fn every_path_is_answered_with_fields_that_protect_browsers() {
    let watched = Watched::start(&[]);
    let mut browser = watched.browse();
    for (target, status, content_type) in [
        ("/", 200, "text/html; charset=utf-8"),
        ("/healthz", 200, "text/plain; charset=utf-8"),
        ("/readyz", 200, "text/plain; charset=utf-8"),
        ("/metrics", 200, "text/plain; version=0.0.4; charset=utf-8"),
        ("/status.json", 200, "application/json"),
        ("/status.json?type=a%22b&x=1", 200, "application/json"),
        ("/status.json?type=a&type=b", 400, "text/plain; charset=utf-8"),
        ("/status.json?type=%ff", 400, "text/plain; charset=utf-8"),
        ("/metrics/", 404, "text/plain; charset=utf-8"),
        ("/../etc/passwd", 404, "text/plain; charset=utf-8"),
        ("/favicon.ico", 404, "text/plain; charset=utf-8"),
        ("http://localhost/healthz", 200, "text/plain; charset=utf-8"),
    ] {
        let answer = browser.get(target);
        assert_eq!((answer.status, answer.field("content-type")), (status, Some(content_type)), "{target}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cache-control", "no-store"),
            ("connection", "keep-alive"),
        ] {
            assert_eq!(answer.field(name), Some(value), "{target}");
        }
        let policy = answer.field("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(answer.field("access-control-allow-origin"), None);
        assert!(answer.field("date").is_some());

        browser.send(&get(target).replace("GET", "HEAD"));
        let head = browser.answer_without_body();
        assert_eq!((head.status, head.field("content-type")), (status, Some(content_type)), "HEAD {target}");
    }
}

#[test]
fn other_methods_are_refused_and_a_body_is_never_the_next_request() {
    let watched = Watched::start(&[]);
    let body = get("/metrics");
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE", "get"] {
        for fields in [format!("Content-Length: {}\r\n", body.len()), "Content-Length: 1\r\n".to_owned(), String::new()]
        {
            let mut browser = watched.browse();
            let head = get("/healthz").replace("GET", method).replace("\r\n\r\n", &format!("\r\n{fields}\r\n"));
            browser.send(&(head + &body));
            let answer = browser.answer();
            let found = (answer.status, answer.field("allow"), answer.field("connection"));
            assert_eq!(found, (405, Some("GET, HEAD"), Some("close")), "{method} {fields}");
            browser.expect_end();
        }
    }
}

#[test]
fn one_server_can_be_asked_about_and_one_that_is_not_there_is_named() {
    let watched = Watched::start(&[]);
    let mut browser = watched.browse();
    let name = watched.server.tcp[0].to_string();
    for target in [format!("/status.json?server={name}"), format!("/status.json?server={name}&type=a")] {
        let status = browser.get(&target).json();
        assert_eq!(
            (status["servers"].as_array().unwrap().len(), &status["servers"][0]["name"]),
            (1, &name.clone().into())
        );
    }
    for (asked, shown) in [("x", "x"), ("", ""), ("127.0.0.1%3A1", "127.0.0.1:1"), ("a%0Ab", "a\\nb")] {
        for more in ["", "&type=a"] {
            let answer = browser.get(&format!("/status.json?server={asked}{more}"));
            let text = format!("there is no server \"{shown}\" here; there is {name}\n");
            assert_eq!((answer.status, answer.body), (404, text));
        }
    }
}

#[test]
fn pipelined_requests_are_answered_in_order_also_if_the_first_must_wait() {
    let watched = Watched::start(&[]);
    let mut browser = watched.browse();
    let targets = ["/metrics", "/healthz", "/status.json", "/none", "/status.json?type=x", "/readyz"];
    let all: String = targets.iter().cycle().take(60).map(|target| get(target)).collect();
    browser.send(&all);
    for target in targets.iter().cycle().take(60) {
        let answer = browser.answer();
        match *target {
            "/metrics" => assert!(answer.body.starts_with("# HELP"), "{}", answer.body),
            "/status.json" => assert!(answer.json()["servers"][0]["types"].as_array().unwrap().is_empty()),
            "/status.json?type=x" => assert_eq!(answer.json()["servers"][0]["types"][0]["name"], "x"),
            "/none" => assert_eq!(answer.status, 404),
            _ => assert_eq!(answer.body, "ok\n"),
        }
    }
}

#[test]
fn a_connection_is_kept_or_closed_as_its_client_wishes() {
    let watched = Watched::start(&[]);
    for (request, kept) in [
        ("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", true),
        ("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", false),
        ("GET /healthz HTTP/1.0\r\n\r\n", false),
        ("GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true),
        ("\r\n\r\nGET /healthz HTTP/1.1\nHost: localhost\n\n", true),
    ] {
        let mut browser = watched.browse();
        browser.send(request);
        let answer = browser.answer();
        assert_eq!((answer.status, answer.body.as_str()), (200, "ok\n"), "{request}");
        if kept {
            assert_eq!(browser.get("/readyz").body, "ok\n");
        } else {
            assert_eq!(answer.field("connection"), Some("close"));
            browser.expect_end();
        }
    }
}

#[test]
fn a_loopback_address_is_not_answered_under_the_name_of_a_web_site() {
    let watched = Watched::start(&[]);
    let mut browser = watched.browse();
    let ask = |target: &str, host: &str| format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    for target in ["/", "/metrics", "/status.json", "/none"] {
        for (host, status) in [("evil.example", 403), ("evil.example:80", 403), ("127.0.0.1.evil.example", 403)] {
            browser.send(&ask(target, host));
            let answer = browser.answer();
            assert_eq!(answer.status, status, "{target} {host}");
            assert!(answer.body.contains("--http NAME:PORT"));
        }
    }
    for host in ["127.0.0.1", "localhost:8080", "[::1]:1", "a.localhost"] {
        browser.send(&ask("/metrics", host));
        assert_eq!(browser.answer().status, 200, "{host}");
    }
    for probe in ["/healthz", "/readyz"] {
        browser.send(&ask(probe, "kubernetes.example"));
        assert_eq!(browser.answer().status, 200);
    }
    browser.send("GET http://evil.example/metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(browser.answer().status, 403, "the target says which host is meant");
}

#[test]
fn the_page_has_a_nonce_of_its_own_each_time() {
    let watched = Watched::start(&[]);
    let mut browser = watched.browse();
    let mut nonces: Vec<String> = (0..3)
        .map(|_| {
            let page = browser.get("/");
            let policy = page.field("content-security-policy").unwrap();
            let nonce = policy.split_once("script-src 'nonce-").unwrap().1.split_once('\'').unwrap().0.to_owned();
            assert!(page.body.contains(&format!("nonce=\"{nonce}\"")) && !page.body.contains("@NONCE@"));
            assert!(policy.contains(&format!("style-src 'nonce-{nonce}'")) && policy.contains("connect-src 'self'"));
            nonce
        })
        .collect();
    nonces.sort_unstable();
    nonces.dedup();
    assert_eq!(nonces.len(), 3);
}
