//! A thread of the load, if the load is part of the model.

use std::collections::{HashMap, VecDeque};

use super::peers::Request;

/// One thread of the load.
#[derive(Debug, Default)]
pub(super) struct LoadThread {
    /// Connections with something to read.
    pub(super) ready: Vec<usize>,
    /// Lines to send, by connection.
    pub(super) unsent: HashMap<usize, Vec<Request>>,
    /// Connections with lines to send.
    pub(super) to_write: VecDeque<usize>,
    /// It slept before this turn.
    pub(super) slept: bool,
}
