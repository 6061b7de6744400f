//! How the load's submitters and workers take the server's lines.

use crate::check::{self, Wrong};
use crate::clients::{Submitter, Worker};
use crate::given::workload;
use crate::traffic::drivers::{Protocol, ServerMessage};
use crate::workload::Workload;

/// Reads a line of Deputy's and gives its message to `take`.
pub(crate) fn receive<T>(line: &str, take: impl FnOnce(ServerMessage<'_>) -> Result<T, Wrong>) -> Result<T, Wrong> {
    let input = format!("{line}\r\n");
    let mut rest = input.as_bytes();
    let message = Protocol::Deputy.driver().next_message(&mut rest, &mut Vec::new())?.expect("the line is complete");
    assert_eq!(rest, b"", "the line is taken with its end");
    take(message)
}

/// Gives a line to a submitter.
pub(crate) fn answer(submitter: &mut Submitter, line: &str) -> Result<u64, Wrong> {
    receive(line, |message| match message {
        ServerMessage::Answer { id, res } => submitter.on_answer(&workload(0), id, res).map(|ended| ended.start_ns),
        ServerMessage::Refused(line) => Err(Wrong::Refused(check::excerpt(line))),
        other => Err(Wrong::Unexpected(format!("{other:?}"))),
    })
}

/// Gives a line to a worker; returns its answer.
pub(crate) fn work(worker: &mut Worker, workload: &Workload, line: &str) -> Result<String, Wrong> {
    receive(line, |message| match message {
        ServerMessage::Job { id, type_number, handle, arg, .. } => {
            let job = worker.on_job(workload, id, type_number, arg)?;
            let mut out = Vec::new();
            Protocol::Deputy.driver().answer(&handle, job, arg, &mut out);
            Ok(String::from_utf8(out).expect("answers are text"))
        }
        ServerMessage::Refused(line) => Err(Wrong::Refused(check::excerpt(line))),
        other => Err(Wrong::Unexpected(format!("{other:?}"))),
    })
}

/// Gives these lines to submitter 2, which has submitted jobs 0 to 3; returns the result of the last line.
pub(crate) fn submitter_takes(lines: &[String]) -> Result<u64, Wrong> {
    let mut submitter = Submitter::new(2);
    for start_ns in 100..104 {
        submitter.submit(start_ns);
    }
    let (last, before) = lines.split_last().expect("each test has a line");
    for line in before {
        answer(&mut submitter, line)?;
    }
    answer(&mut submitter, last)
}

/// Gives these lines to worker 1, which does types 1 and 3, in one turn; returns the result of the last line.
pub(crate) fn worker_takes(max_jobs: u16, lines: &[String]) -> Result<String, Wrong> {
    let workload = workload(max_jobs);
    let mut worker = Worker::new(1, &workload, true);
    let (last, before) = lines.split_last().expect("each test has a line");
    for line in before {
        work(&mut worker, &workload, line)?;
        worker.on_answered();
    }
    work(&mut worker, &workload, last)
}
