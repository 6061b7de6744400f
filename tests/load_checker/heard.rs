//! What the load's peers make of lines.

use crate::check::{self, Wrong};
use crate::clients::{Submitter, Worker};
use crate::dialect::{Heard, Language};
use crate::given::workload;
use crate::workload::Workload;

/// The one message in a line of Deputy's, given to `take`.
pub(crate) fn hear<T>(line: &str, take: impl FnOnce(Heard<'_>) -> Result<T, Wrong>) -> Result<T, Wrong> {
    let input = format!("{line}\r\n");
    let mut rest = input.as_bytes();
    let heard = Language::Deputy.dialect().hear(&mut rest, &mut Vec::new())?.expect("the line is whole");
    assert_eq!(rest, b"", "a line is taken with its end");
    take(heard)
}

/// What a submitter makes of a line.
pub(crate) fn answer(submitter: &mut Submitter, line: &str) -> Result<u64, Wrong> {
    hear(line, |heard| match heard {
        Heard::Answer { id, res } => submitter.on_answer(&workload(0), id, res),
        Heard::Refused(said) => Err(Wrong::Refused(check::excerpt(said))),
        other => Err(Wrong::Unexpected(format!("{other:?}"))),
    })
}

/// What a worker makes of a line: its answer.
pub(crate) fn work(worker: &mut Worker, workload: &Workload, line: &str) -> Result<String, Wrong> {
    hear(line, |heard| match heard {
        Heard::Job { id, type_number, ticket, arg } => {
            let job = worker.on_job(workload, id, type_number, arg)?;
            let mut out = Vec::new();
            Language::Deputy.dialect().answer(&ticket, job, arg, &mut out);
            Ok(String::from_utf8(out).expect("answers are text"))
        }
        Heard::Refused(said) => Err(Wrong::Refused(check::excerpt(said))),
        other => Err(Wrong::Unexpected(format!("{other:?}"))),
    })
}

/// What submitter 2, after it asked for jobs 0 to 3, makes of these lines; the last one counts.
pub(crate) fn told(lines: &[String]) -> Result<u64, Wrong> {
    let mut submitter = Submitter::new(2);
    for start_ns in 100..104 {
        submitter.ask(start_ns);
    }
    let (last, before) = lines.split_last().expect("each test has a line");
    for line in before {
        answer(&mut submitter, line)?;
    }
    answer(&mut submitter, last)
}

/// What worker 1, which does types 1 and 3, makes of these lines in one turn; the last one counts.
pub(crate) fn handed(max_jobs: u16, lines: &[String]) -> Result<String, Wrong> {
    let workload = workload(max_jobs);
    let mut worker = Worker::new(1, &workload, true);
    let (last, before) = lines.split_last().expect("each test has a line");
    for line in before {
        work(&mut worker, &workload, line)?;
        worker.on_answered();
    }
    work(&mut worker, &workload, last)
}
