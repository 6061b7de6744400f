//! Jobs by the thousand, and workers that echo: each job is answered by its argument.

use std::thread;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::net::Net;

/// The argument of a job that kills its workers.
pub(crate) const POISON: &str = r#""poison""#;

/// The lines that submit so many jobs of type `t`, each numbered and with its number as argument.
pub(crate) fn job_lines(jobs: usize) -> String {
    (0..jobs).map(|id| job_line(id, "t", &id.to_string())).collect::<Vec<_>>().concat()
}

pub(crate) fn job_line(id: usize, type_name: &str, arg: &str) -> String {
    format!("{{\"cmd\":\"do\",\"id\":{id},\"type\":\"{type_name}\",\"arg\":{arg}}}\n")
}

/// What a worker is told of a job. The parser looks into no argument: that may be nested deeper than it cares to go.
#[derive(Deserialize)]
pub(crate) struct Job<'a> {
    #[serde(borrow)]
    id: &'a RawValue,
    #[serde(rename = "job")]
    number: Option<u64>,
    #[serde(borrow)]
    arg: Option<&'a RawValue>,
}

impl<'a> Job<'a> {
    pub(crate) fn of(line: &'a str) -> Self {
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"))
    }

    /// Its argument, or nothing.
    pub(crate) fn arg(&self) -> &str {
        self.arg.map_or("", RawValue::get)
    }

    /// The answer: its argument, if it has one.
    pub(crate) fn echo(&self) -> String {
        let name = self.number.map_or_else(|| format!(r#""id":{}"#, self.id), |number| format!(r#""job":{number}"#));
        let res = self.arg.map(|arg| format!(r#","res":{arg}"#)).unwrap_or_default();
        format!(r#"{{"cmd":"did",{name}{res}}}"#)
    }
}

/// Runs a test beside workers, each with these members in its `can_do`. One that is given poison dies of it, and another
/// comes in its place.
pub(crate) fn with_crew(net: &Net, crew: &[&str], test: impl FnOnce()) {
    let dismissal = |nth: usize| format!("dismiss {nth}");
    thread::scope(|scope| {
        for (nth, can_do) in crew.iter().enumerate() {
            scope.spawn(move || while !work(net, can_do, &dismissal(nth)) {});
        }
        test();
        let mut client = net.connect("who dismisses the crew");
        for nth in 0..crew.len() {
            client.send(&format!(r#"{{"cmd":"do","id":{nth},"type":"{0}","arg":"{0}"}}"#, dismissal(nth)));
            client.line();
        }
    });
}

/// One worker's life. Whether it was dismissed.
fn work(net: &Net, can_do: &str, dismissal: &str) -> bool {
    let mut worker = net.connect("a worker of the crew");
    worker.send(&format!(r#"{{"cmd":"can_do",{can_do}}}"#));
    worker.send(&format!(r#"{{"cmd":"can_do","types":["{dismissal}"]}}"#));
    loop {
        let line = worker.line();
        let job = Job::of(&line);
        if job.arg() == POISON {
            return false;
        }
        worker.send(&job.echo());
        if job.arg().trim_matches('"') == dismissal {
            return true;
        }
    }
}
