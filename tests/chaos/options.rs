//! What a job asks for beside its type and argument, and which ends it may have for that.

use std::fmt::{self, Display};

use crate::random::Random;
use crate::tally::Code;

/// Keys that jobs of a type may have in common.
pub(crate) const GROUPS: usize = 4;

/// See the module. The default is what a job asks for that gives no option.
#[derive(Clone, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is a member on the wire")]
pub(crate) struct Options {
    pub(crate) priority: i8,
    pub(crate) delay_ms: u64,
    pub(crate) deadline_ms: Option<u64>,
    pub(crate) run_limit_ms: Option<u64>,
    pub(crate) attempts: Option<u8>,
    pub(crate) cancellable: bool,
    pub(crate) progress: bool,
    /// Which key it has.
    pub(crate) group: Option<usize>,
    pub(crate) need_worker: bool,
    pub(crate) background: bool,
}

impl Options {
    /// Any options that may stand together.
    pub(crate) fn draw(random: &mut Random) -> Self {
        let background = random.one_in(16);
        let up_to = |random: &mut Random, ms: usize| 1 + random.below(ms) as u64;
        Self {
            priority: if random.one_in(4) { i8::from_ne_bytes([random.below(256).to_le_bytes()[0]]) } else { 0 },
            delay_ms: if random.one_in(6) { up_to(random, 50) } else { 0 },
            deadline_ms: (!background && random.one_in(5)).then(|| up_to(random, 400)),
            run_limit_ms: random.one_in(4).then(|| up_to(random, 100)),
            attempts: random.one_in(5).then(|| random.below(4).to_le_bytes()[0] + 1),
            cancellable: !background && random.one_in(3),
            progress: !background && random.one_in(4),
            group: random.one_in(6).then(|| random.below(GROUPS)),
            need_worker: random.one_in(10),
            background,
        }
    }

    /// Whether the server may take it from a worker that lives.
    pub(crate) fn may_be_revoked(&self) -> bool {
        self.cancellable || self.deadline_ms.is_some() || self.run_limit_ms.is_some()
    }

    /// Whether a job with these options may end so. Whether it was early is left to the simulation: here the server is
    /// stopped within its turns, and the time of a turn is that of its jobs.
    pub(crate) fn allow(&self, code: Code, server: ServerState, is_cancelled: bool) -> bool {
        match code {
            Code::QueueFull | Code::Done => true,
            Code::Shutdown => server.is_stopping,
            _ if self.background => false,
            Code::Failed | Code::GaveUp => true,
            Code::Cancelled => self.cancellable && is_cancelled,
            Code::Expired => self.deadline_ms.is_some(),
            // The first job with a key decides the run limit of all.
            Code::TimedOut => server.has_run_limit || self.run_limit_ms.is_some() || self.group.is_some(),
            Code::NoWorker => self.need_worker,
        }
    }
}

/// What of the server decides how jobs may end.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ServerState {
    /// It has received a signal to stop.
    pub(crate) is_stopping: bool,
    /// It was started with `--run-limit`.
    pub(crate) has_run_limit: bool,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{self}}}")
    }
}

/// The members of a `do`, each after a comma.
impl Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.priority != 0 {
            write!(f, r#","priority":{}"#, self.priority)?;
        }
        if self.delay_ms > 0 {
            write!(f, r#","delay_ms":{}"#, self.delay_ms)?;
        }
        for (name, ms) in [("deadline_ms", self.deadline_ms), ("run_limit_ms", self.run_limit_ms)] {
            ms.map_or(Ok(()), |ms| write!(f, r#","{name}":{ms}"#))?;
        }
        self.attempts.map_or(Ok(()), |attempts| write!(f, r#","attempts":{attempts}"#))?;
        self.group.map_or(Ok(()), |group| write!(f, r#","key":"key {group}""#))?;
        let flags = [
            ("cancellable", self.cancellable),
            ("progress", self.progress),
            ("need_worker", self.need_worker),
            ("background", self.background),
        ];
        flags.into_iter().filter(|flag| flag.1).try_for_each(|(name, _)| write!(f, r#","{name}":true"#))
    }
}

#[test]
fn a_job_ends_only_as_its_options_allow() {
    let server = ServerState::default();
    let plain = Options::default();
    for code in [Code::Cancelled, Code::Expired, Code::TimedOut, Code::NoWorker, Code::Shutdown] {
        assert!(!plain.allow(code, server, true), "{code:?}");
    }
    let cancellable = Options { cancellable: true, ..plain.clone() };
    assert!(cancellable.allow(Code::Cancelled, server, true) && !cancellable.allow(Code::Cancelled, server, false));
    let short = Options { deadline_ms: Some(20), ..plain.clone() };
    assert!(short.allow(Code::Expired, server, false) && !short.allow(Code::TimedOut, server, false));
    assert!(plain.allow(Code::TimedOut, ServerState { has_run_limit: true, ..server }, false));
    let background = Options { background: true, need_worker: true, ..plain };
    assert!(!background.allow(Code::NoWorker, server, false) && background.allow(Code::Done, server, false));
}
