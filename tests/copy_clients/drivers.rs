//! Each client as a program would use it: the programs in `drivers/` load it and do what its command line cannot.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;

use crate::client::Client;
use crate::language::{ALL, Language, folder, go_program};
use crate::process::{Process, Server, Via};
use crate::wait::{PATIENCE, until};

/// The words that start the language's driver in a mode, or none after saying that its language is missing.
fn driver(language: &Language, mode: &str) -> Option<Vec<PathBuf>> {
    let drivers = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/copy_clients/drivers");
    let mut words = language.words()?;
    let suffix = language.file.rsplit_once('.').unwrap().1;
    if suffix == "go" {
        let client = fs::read_to_string(folder().join(language.file)).unwrap();
        let files = [
            ("deputy.go", client.replace("\nfunc main() {", "\nfunc originalMain() {")),
            ("driver.go", fs::read_to_string(drivers.join("driver.go")).unwrap()),
        ];
        words = vec![go_program("driver", &files)?];
    } else {
        words.insert(1, drivers.join(format!("driver.{suffix}")));
    }
    words.push(mode.into());
    Some(words)
}

fn start(words: &[PathBuf], url: &str) -> Process {
    Process::spawn(Command::new(&words[0]).args(&words[1..]).env("DEPUTY_URL", url), None)
}

/// Waits for the end of a driver, which must print this.
fn expect_printed(process: &Process, printed: &str) {
    let ended = process.ended();
    assert!(ended.status.success() && ended.stdout.trim_end() == printed, "{ended:?}");
}

#[test]
fn every_client_reads_deputy_url_as_the_table_says() {
    let table = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/urls.txt")).unwrap();
    let rows = table.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let (values, expected): (Vec<String>, Vec<&str>) = rows
        .map(|row| row.split_once(" -> ").unwrap())
        .map(|(value, result)| (serde_json::from_str::<String>(value).unwrap(), result))
        .unzip();
    assert!(values.len() > 100, "the table has {} rows", values.len());
    for language in ALL {
        let Some(words) = driver(language, "urls") else { continue };
        let ended = Process::spawn(Command::new(&words[0]).args(&words[1..]).args(&values), None).ended();
        let got: Vec<&str> = ended.stdout.lines().collect();
        assert_eq!(got.len(), values.len(), "{}: {ended:?}", language.file);
        for ((value, expected), got) in values.iter().zip(&expected).zip(got) {
            assert_eq!(got, *expected, "{}: {value:?}", language.file);
        }
    }
}

/// What handlers do whose jobs must fail. The last ones may end the worker.
fn bad_handlers(language: &Language) -> &'static str {
    match language.file {
        "deputy.py" => "nan infinity deep binary long digits exit recursion mute cancelled unreadable-error nan",
        "deputy.js" => "nan infinity deep loop bigint long recursion mute rejects throws thenable nan",
        "deputy.go" => "nan infinity deep binary no-json function long panic panic-nil goexit mute marshal nan",
        "deputy.rb" => {
            "nan infinity deep binary long exit abort throw recursion mute not-implemented unreadable-error nan"
        }
        "deputy.php" => "nan infinity deep binary long type unreadable-error nan recursion memory exit",
        "deputy.sh" => "nan deep binary surrogates no-json two empty exit long nan",
        file => panic!("there is no driver for {file}"),
    }
}

/// Submits a job to the driver's handler of this name; the shell has one handler, which goes by the arg.
fn submit(submitter: &mut Client, language: &Language, handler: &str) -> String {
    let (name, arg) = if language.file == "deputy.sh" { ("any", handler) } else { (handler, "x") };
    submitter.send(&format!(r#"{{"cmd":"do","id":1,"type":"{name}","arg":"{arg}"}}"#));
    submitter.line()
}

fn fails_one_job_for_what_its_handler_does(language: &Language) {
    let Some(words) = driver(language, "work") else { return };
    let server = Server::start(&[]);
    let mut submitter = server.connect(Via::Tcp, "the submitter");
    let ends_worker = |handler| language.file == "deputy.php" && ["recursion", "memory", "exit"].contains(&handler);
    let mut worker = start(&words, &format!("tcp://{}", server.tcp[0]));
    for handler in bad_handlers(language).split(' ') {
        let answer = submit(&mut submitter, language, handler);
        let failed = answer.starts_with(r#"{"cmd":"did","id":1,"err":"#) && answer.ends_with(r#","code":"failed"}"#);
        assert!(failed, "{handler}: {answer}: {}", worker.stderr());
        if ends_worker(handler) {
            worker.ended();
            submitter.until_metric("workers", 0);
            worker = start(&words, &format!("tcp://{}", server.tcp[0]));
        }
    }
    let kept: &[&str] = match language.file {
        "deputy.py" | "deputy.rb" => &["echo", "fork", "fork-and-return", "echo"],
        "deputy.php" => &["echo", "404", "fork", "fork-and-return", "echo"],
        _ => &["echo"],
    };
    for handler in kept {
        let answer = submit(&mut submitter, language, handler);
        assert!(answer.starts_with(r#"{"cmd":"did","id":1,"res":"#), "{handler}: {answer}: {}", worker.stderr());
    }
    let metrics = submitter.metrics();
    assert_eq!([&metrics["jobs_reassigned"], &metrics["protocol_errors"]], [0, 0], "{}", worker.stderr());
    assert_eq!(worker.status(), None, "{}", worker.stderr());
}

fn keeps_its_connection_from_a_forked_child(language: &Language) {
    let (Some(work), Some(forked)) = (driver(language, "work"), driver(language, "forked")) else { return };
    let server = Server::start(&[]);
    let url = format!("tcp://{}", server.tcp[0]);
    let _worker = start(&work, &url);
    expect_printed(&start(&forked, &url), "end");
}

/// The answers to the driver's four jobs: one whose result is not awaited any more, and two that run the program's own
/// code. The second one's progress does so as well.
fn reads_on_whatever_the_program_does(language: &Language) {
    let Some(words) = driver(language, "readers") else { return };
    let server = Server::start(&[]);
    let mut worker = server.connect(Via::Tcp, "the worker");
    let mut asker = server.connect(Via::Tcp, "the asker");
    let submitter = start(&words, &format!("tcp://{}", server.tcp[0]));
    asker.until_metric("jobs_added", 4);
    worker.send(r#"{"cmd":"can_do","types":["odd"],"max_jobs":4}"#);
    for number in 1..=4 {
        let job = worker.line();
        let job = job.split_once(r#""job":"#).unwrap().1.split(',').next().unwrap();
        let answer = if number == 1 { r#""err":{"toString":1,"valueOf":2}"# } else { r#""res":"end""# };
        worker.send(&format!(r#"{{"cmd":"progress","job":{job},"data":1}}"#));
        worker.send(&format!(r#"{{"cmd":"did","job":{job},{answer}}}"#));
    }
    expect_printed(&submitter, "end");
}

/// A signal interrupts the program while it writes a long line to a server that does not read.
fn closes_a_connection_with_half_a_line(language: &Language) {
    let Some(words) = driver(language, "interrupted") else { return };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let driver = start(&words, &format!("tcp://{}", listener.local_addr().unwrap()));
    let mut first = greeted(&listener);
    first.get_ref().peek(&mut [0]).unwrap(); // It is in the middle of the line, which fits into no buffer.
    driver.signal(Signal::ALARM);
    let mut read = Vec::new();
    first.read_to_end(&mut read).unwrap();
    assert!(!read.windows(5).any(|part| part == b"small"), "a line was sent behind half a line");

    let mut second = greeted(&listener);
    let mut line = String::new();
    second.read_line(&mut line).unwrap();
    assert!(line.contains("small"), "{line}");
    let id: String = line.split_once(r#""id":"#).unwrap().1.chars().take_while(char::is_ascii_digit).collect();
    second.get_mut().write_all(format!("{{\"cmd\":\"did\",\"id\":{id},\"res\":\"end\"}}\r\n").as_bytes()).unwrap();
    expect_printed(&driver, "end");
}

/// Accepts the next connection, and answers its question for the metrics.
fn greeted(listener: &TcpListener) -> BufReader<TcpStream> {
    listener.set_nonblocking(true).unwrap();
    let (stream, _) = until("a connection", || listener.accept().ok());
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut lines = BufReader::new(stream);
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    assert!(line.contains("metrics"), "{line}");
    lines.get_mut().write_all(b"{\"cmd\":\"metrics\",\"metrics\":{}}\r\n").unwrap();
    lines
}

macro_rules! languages {
    ($($test:ident: $($name:ident $language:ident),*;)*) => {$(
        mod $test {
            $(#[test]
            fn $name() {
                super::$test(&crate::language::$language);
            })*
        }
    )*};
}

languages! {
    fails_one_job_for_what_its_handler_does: python PYTHON, node NODE, go GO, ruby RUBY, php PHP, shell SHELL;
    keeps_its_connection_from_a_forked_child: python PYTHON, ruby RUBY, php PHP;
    reads_on_whatever_the_program_does: python PYTHON, node NODE, ruby RUBY, php PHP;
    closes_a_connection_with_half_a_line: python PYTHON, ruby RUBY, php PHP;
}
