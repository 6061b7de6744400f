//! Passes results to the server.

use super::jobs::State;
use super::{Outgoing, Scene};
use crate::core::{After, Effect, Outcome, ResultMessage, Verdict};
use crate::figures::us;
use crate::wire;

impl Outgoing {
    /// Called with a result. Returns the verdict for its sender; `None` if the verdict follows when the server has read
    /// the answer.
    pub(in crate::core) fn on_result(
        &mut self,
        result: &ResultMessage,
        reply: &str,
        scene: &mut Scene<'_>,
    ) -> Option<Verdict> {
        if result.job.up_since != scene.up_since || self.finished.contains(&result.job.reference) {
            return Some(Verdict::Dropped);
        }
        let Some(serial) = self.jobs.find(&result.job.reference) else {
            self.early.keep(result, reply, scene.now);
            return Some(Verdict::Unknown);
        };
        let job = self.jobs.known(serial);
        if let State::Answered = job.state {
            return Some(Verdict::Unknown); // The confirmation is on its way.
        }
        if job.is_awaited {
            // Before the server gives the job again.
            self.early.keep(result, reply, scene.now);
            return Some(Verdict::Unknown);
        }
        if job.held.is_none() {
            self.forget_message(serial, scene);
            self.jobs.known(serial).state = State::Consumed;
            return Some(Verdict::Dropped);
        }
        scene.figures.answer_time.record(us(scene.now.saturating_sub(job.since)));
        self.answer_job(serial, result, reply, scene);
        None
    }

    /// Answers a job that the server has given, if its result has come early. Returns whether it did so.
    pub(super) fn answer_early(&mut self, serial: u64, scene: &mut Scene<'_>) -> bool {
        let Some(early) = self.early.take(&self.jobs.known(serial).name) else { return false };
        self.answer_job(serial, &early.result, &early.reply, scene);
        true
    }

    /// Called when a result came before the acknowledgement of the job's message, or the acknowledgement was lost.
    fn forget_message(&mut self, serial: u64, scene: &mut Scene<'_>) {
        if let State::Unstored(unstored) = &self.jobs.known(serial).state {
            self.backlog.remove(serial, unstored);
            scene.figures.published += 1;
        }
    }

    /// Answers a job that the server waits for. The sender gets its confirmation when the server has read the answer.
    fn answer_job(&mut self, serial: u64, result: &ResultMessage, reply: &str, scene: &mut Scene<'_>) {
        self.forget_message(serial, scene);
        let Some((conn, number)) = self.jobs.release(serial) else { return };
        self.jobs.known(serial).state = State::Answered;
        scene.figures.answered += 1;
        let line = answer(number, result, scene.max_line);
        scene.effects.push(Effect::Line(conn, line));
        scene.effects.push(Effect::AfterRead(conn, After::Answered { serial, reply: reply.to_owned() }));
    }

    /// Called when the server has read an answer.
    pub(in crate::core) fn on_answer_read(&mut self, serial: u64) {
        if let Some(name) = self.remove(serial) {
            self.finished.insert(name);
        }
    }
}

/// Returns the line that answers a job. Reports a failure if the result is longer than the server accepts.
fn answer(number: u64, result: &ResultMessage, max_line: usize) -> Vec<u8> {
    let line = match result.outcome {
        Outcome::Done => wire::did(number, &result.value),
        Outcome::Failed | Outcome::GaveUp => wire::did_not(number, &result.value),
    };
    if line.len() <= max_line {
        return line;
    }
    let text =
        format!("the result is too long for the submitter's server: {} bytes (--max-line {max_line})", line.len());
    wire::did_not(number, wire::quoted(&text).as_bytes())
}
