//! The real load: one thread that has all peers, whose turns the model's load thread takes likewise. Closed loop, every
//! answer checked.

use std::io;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};

use crate::conn::{Address, Conn, Inbox, Input, Socket};
use crate::lines::{self, Said};
use crate::workload::Workload;
use crate::{ARG, Failure};

/// The longest that an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Submitted,
    Answered,
}

/// See the module.
pub(crate) struct Load {
    poll: Poll,
    events: Events,
    peers: Peers,
}

/// All peers, without their poller.
struct Peers {
    workload: Workload,
    conns: Vec<Conn>,
    inbox: Inbox,
    /// Connections with something to send.
    touched: Vec<usize>,
    jobs: Vec<Stage>,
    answered: u64,
    /// Whether no more is submitted.
    closed: bool,
}

impl Load {
    /// Connects all peers: first the workers, then the submitters, who begin at once.
    pub(crate) fn connect(workload: Workload, address: &Address) -> Result<Self, Failure> {
        let poll = Poll::new()?;
        let mut conns = Vec::new();
        for at in 0..workload.workers + workload.submitters {
            conns.push(Conn::register(Socket::connect(address)?, poll.registry(), Token(at))?);
        }
        let touched = (0..conns.len()).collect();
        let (inbox, jobs) = (Inbox::new(), Vec::new());
        let mut peers = Peers { workload, conns, inbox, touched, jobs, answered: 0, closed: false };
        for at in 0..peers.conns.len() {
            peers.begin(at);
        }
        peers.flush()?;
        Ok(Self { poll, events: Events::with_capacity(1_024), peers })
    }

    /// Jobs that were answered.
    pub(crate) fn answered(&self) -> u64 {
        self.peers.answered
    }

    /// Runs until a moment.
    pub(crate) fn run_until(&mut self, end: Instant) -> Result<(), Failure> {
        while Instant::now() < end {
            self.turn()?;
        }
        Ok(())
    }

    /// Submits no more, and waits for the answers.
    pub(crate) fn drain(mut self) -> Result<(), Failure> {
        self.peers.closed = true;
        let end = Instant::now() + PATIENCE;
        while self.peers.answered < self.peers.jobs.len() as u64 {
            if Instant::now() >= end {
                return Err("jobs are without an answer".into());
            }
            self.turn()?;
        }
        Ok(())
    }

    fn turn(&mut self) -> Result<(), Failure> {
        match self.poll.poll(&mut self.events, Some(Duration::from_millis(10))) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            polled => polled?,
        }
        for event in &self.events {
            self.peers.on_ready(event.token().0)?;
        }
        self.peers.flush()
    }
}

impl Peers {
    /// A worker says what it does, a submitter asks for its first jobs.
    fn begin(&mut self, at: usize) {
        if at < self.workload.workers {
            let own = (at % self.workload.types) as u64;
            lines::push_can_do([own].into_iter(), self.workload.max_jobs, &mut self.conns[at].unsent);
        } else {
            for _ in 0..self.workload.inflight {
                self.submit(at);
            }
        }
    }

    /// The next job: types come in turn.
    fn submit(&mut self, at: usize) {
        let id = self.jobs.len() as u64;
        let unsent = &mut self.conns[at].unsent;
        lines::begin_do(id, id % self.workload.types as u64, unsent);
        unsent.extend_from_slice(ARG.as_bytes());
        lines::end(unsent);
        self.jobs.push(Stage::Submitted);
    }

    fn on_ready(&mut self, at: usize) -> Result<(), Failure> {
        let input = self.conns[at].read_lines(&mut self.inbox)?;
        let read = std::mem::take(&mut self.inbox.lines);
        for line in lines::split(&read) {
            match lines::read(line) {
                Some(Said::Do { id, job, arg, .. }) if arg == ARG.as_bytes() => {
                    lines::push_did(id, job, arg, &mut self.conns[at].unsent);
                }
                Some(Said::Done { id, res }) if res == ARG.as_bytes() => self.settle(at, id)?,
                _ => return Err(format!("not a line to expect: {}", String::from_utf8_lossy(line)).into()),
            }
        }
        self.inbox.lines = read; // Its memory serves again.
        if input == Input::Ended {
            return Err("the server closed a connection".into());
        }
        if !self.conns[at].unsent.is_empty() {
            self.touched.push(at);
        }
        Ok(())
    }

    fn settle(&mut self, at: usize, id: u64) -> Result<(), Failure> {
        let stage = usize::try_from(id).ok().and_then(|id| self.jobs.get_mut(id));
        if stage.map(|stage| std::mem::replace(stage, Stage::Answered)) != Some(Stage::Submitted) {
            return Err(format!("job {id} was answered, but is not owed").into());
        }
        self.answered += 1;
        if !self.closed {
            self.submit(at);
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Failure> {
        for at in self.touched.drain(..) {
            self.conns[at].flush()?;
        }
        Ok(())
    }
}
