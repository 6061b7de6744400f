//! What goes wrong, one kind after another: each is made again and again while the plan says so, and is counted when it
//! was really made.

mod children;
mod crowds;
mod ends;
mod readers;
mod strangers;
mod submitters;
mod workers;

use std::thread;
use std::time::Duration;

use rustix::process::Signal;

pub(crate) use children::{killed_when as kill_a_child_when, work as work_as_a_process};
pub(crate) use workers::reconnect;

use crate::random::Random;
use crate::round::{Phase, Round};
use crate::wire::Leave;

/// The types that steady workers do.
pub(crate) const TYPES: [&str; 3] = ["a", "b", "c"];

/// The type that only worker processes do, beside a steady worker.
pub(crate) const CHILD_TYPE: &str = "child";

/// The type of jobs that pile up: only the worker that makes room, and the last worker of a round, run them.
pub(crate) const HOARD_TYPE: &str = "hoard";

/// The type of jobs that workers hold past their run limit.
pub(crate) const HANG_TYPE: &str = "hang";

macro_rules! faults {
    ($($fault:ident $name:literal)*) => {
        /// A kind of fault.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Fault {
            $($fault,)*
        }

        impl Fault {
            pub(crate) const ALL: [Self; [$($name),*].len()] = [$(Self::$fault),*];

            /// For people.
            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Self::$fault => $name,)*
                }
            }
        }
    };
}

faults! {
    WorkerCloses "workers closed while they held jobs"
    WorkerResets "workers reset while they held jobs"
    HalfAnswer "workers gone with half an answer sent"
    AnswerAndLeave "workers gone in the moment of their answer"
    WorkerHalfOpen "workers that ended their output"
    WorkerDeaf "workers that ended their input"
    ChildKilled "worker processes killed holding jobs"
    ChildStopped "worker processes stopped and continued"
    Reconnects "workers that came and went at once"
    WorkerHangs "jobs whose worker hung until no attempt was left"
    Poison "jobs that killed each worker"
    SubmitterLeaves "submitters gone with jobs open"
    SubmitterHalfOpen "submitters that ended their output"
    Cancelled "jobs cancelled by their submitter"
    Expired "jobs past their deadline"
    Herd "connections whose jobs had a key in common"
    SlowReader "readers of a few bytes now and then"
    Stalled "readers that stopped, closed by --stall-timeout"
    Unsent "readers that stopped, closed by --max-unsent"
    MidLineReset "connections reset in the middle of a line"
    Garbage "hostile lines and other protocols"
    LongLine "lines past --max-line"
    Thief "answers to jobs of others"
    Flood "connections made and closed in a flood"
    Crowd "times that descriptors were exhausted"
    HalfLines "half lines that were cut off"
    Glutton "times that the budget was reached"
    Signal "signals to be survived"
    ServerStopped "times that the server was stopped and continued"
    Terminated "stops under load"
}

impl Fault {
    /// Makes it once, or some times in a row. [`Fault::Terminated`] ends a round, and is not made here.
    pub(crate) fn make(self, round: &Round, random: &mut Random) {
        match self {
            Self::WorkerCloses => workers::go(round, random, self, |worker, _| worker.leave(Leave::Close)),
            Self::WorkerResets => workers::go(round, random, self, |worker, _| worker.leave(Leave::Reset)),
            Self::HalfAnswer => workers::go(round, random, self, |worker, random| {
                let how = *random.pick(&Leave::ALL);
                worker.leave_mid_answer(random, how);
            }),
            Self::AnswerAndLeave => workers::go(round, random, self, workers::answer_and_leave),
            Self::WorkerHalfOpen => workers::go(round, random, self, |worker, _| worker.leave_half()),
            Self::WorkerDeaf => workers::go(round, random, self, workers::go_deaf),
            Self::ChildKilled => children::killed(round, random),
            Self::ChildStopped => children::stopped(round, random),
            Self::Reconnects => reconnect(round, random, 100),
            Self::WorkerHangs => ends::hang(round, random),
            Self::Poison => submitters::poison(round, random),
            Self::SubmitterLeaves => submitters::leave(round, random),
            Self::SubmitterHalfOpen => submitters::leave_half(round, random),
            Self::Cancelled => ends::cancel(round, random),
            Self::Expired => ends::expire(round, random),
            Self::Herd => ends::herd(round, random),
            Self::SlowReader => readers::slow(round, random),
            Self::Stalled => readers::stalled(round, random),
            Self::Unsent => readers::unsent(round, random),
            Self::MidLineReset => strangers::reset_mid_line(round, random),
            Self::Garbage => strangers::garbage(round, random),
            Self::LongLine => strangers::long_line(round, random),
            Self::Thief => strangers::thief(round, random),
            Self::Flood => crowds::flood(round, random),
            Self::Crowd => crowds::crowd(round, random),
            Self::HalfLines => crowds::half_lines(round, random),
            Self::Glutton => submitters::glutton(round, random),
            Self::Signal => {
                round.server.process.signal(*random.pick(&[Signal::HUP, Signal::USR1, Signal::USR2, Signal::PIPE]));
                round.tally.made(self, 1);
            }
            Self::ServerStopped => stop_the_server(round, random),
            Self::Terminated => {}
        }
    }

    /// Makes it again and again, while `go_on` holds, until all faults end.
    pub(crate) fn keep_making(self, round: &Round, mut random: Random, go_on: impl Fn() -> bool) {
        while round.is(Phase::Chaos) && go_on() {
            self.make(round, &mut random);
            round.wait_about(&mut random, 20);
        }
    }
}

/// Not for long: who sends to it must not think that it will not read any more.
fn stop_the_server(round: &Round, random: &mut Random) {
    round.server.process.signal(Signal::STOP);
    // A rest would end with the phase, and the server must go on in any case.
    thread::sleep(Duration::from_millis(20 + random.below(130) as u64));
    round.server.process.signal(Signal::CONT);
    round.tally.made(Fault::ServerStopped, 1);
    round.wait_about(random, 200);
}
