//! The cost of each operation in nanoseconds of a core: the model's only figures. `calibrate` measures them, or they are
//! read from a file, so that the costs of one machine can be used on another.

use std::fmt::Write;

/// Declares the costs once: a field each, in the order of the file.
macro_rules! costs {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// One machine's costs, in nanoseconds.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub(crate) struct Costs {
            $($(#[$doc])* pub(crate) $name: u64,)*
        }

        impl Costs {
            /// Returns the costs as text: one line each, with name and value.
            pub(crate) fn to_text(self) -> String {
                let mut out = String::new();
                $(let _ = writeln!(out, "{} {}", stringify!($name), self.$name);)* // Writing to a String cannot fail.
                out
            }

            /// Makes one of several: each cost is what `combine` makes of theirs.
            pub(crate) fn combined(all: &[Self], combine: impl Fn(Vec<u64>) -> u64) -> Self {
                Self { $($name: combine(all.iter().map(|costs| costs.$name).collect()),)* }
            }

            /// Reads what [`to_text`](Self::to_text) wrote; ignores empty lines and lines that begin with `#`. Returns an
            /// error, as text for a person, if a cost is missing or unknown.
            pub(crate) fn parse(text: &str) -> Result<Self, String> {
                let mut given = std::collections::BTreeMap::new();
                for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
                    let cost = line.split_once(' ').and_then(|(name, ns)| Some((name, ns.trim().parse().ok()?)));
                    let (name, ns): (&str, u64) = cost.ok_or_else(|| format!("expected a cost and its nanoseconds: {line}"))?;
                    given.insert(name, ns);
                }
                let costs = Self {
                    $($name: given.remove(stringify!($name)).ok_or(concat!(stringify!($name), " is missing"))?,)*
                };
                match given.first_key_value() {
                    Some((name, _)) => Err(format!("unknown cost: {name}")),
                    None => Ok(costs),
                }
            }
        }
    };
}

costs! {
    /// System call: `epoll_wait` that finds something, ...
    poll_ns,
    /// ... and for each event that it finds.
    event_ns,
    /// System call: read of the lines that wait in a socket.
    read_ns,
    /// System call: write of a connection's replies, with what the kernel does of the receiving side in it.
    write_ns,
    /// The additional cost of a write or a wake if the other side sleeps and must be woken.
    rouse_ns,
    /// System call: the write to an eventfd that wakes a shard, including [`rouse_ns`](Self::rouse_ns).
    wake_ns,
    /// What it costs a thread to block in `epoll_wait` and to be switched to again.
    sleep_ns,
    /// The time from the wake until the woken thread runs.
    wake_latency_ns,
    /// The server's code of a turn: clock, metrics, lists.
    turn_ns,
    /// The server's code per connection that is read from and written to, without its lines.
    conn_ns,
    /// `do`: frame, decode, accept.
    do_ns,
    /// `did`: frame, decode, free the slot, offer it.
    did_ns,
    /// At the home: a job arrives and is assigned to a shard.
    submit_ns,
    /// The same for each job of several that arrive in one message.
    run_ns,
    /// At the home: an offer arrives, ...
    offer_ns,
    /// ... and for each waiting job that is assigned because of it.
    pair_ns,
    /// A job arrives for a worker: choose the worker, encode the line.
    assign_ns,
    /// An answer arrives for a submitter: encode the line.
    result_ns,
    /// Posting a batch to a mailbox: the channel, the fence, the sleeping flag.
    post_ns,
    /// Taking a batch out of a mailbox, and freeing memory that another core allocated.
    receive_ns,
    /// The additional cost of a job at the home, if it comes from another core, ...
    far_submit_ns,
    /// ... of each job of several in one message, ...
    far_run_ns,
    /// ... of an offer at the home, ...
    far_offer_ns,
    /// ... of a job at its worker's shard, ...
    far_assign_ns,
    /// ... and of an answer at its submitter's shard.
    far_result_ns,
    /// One cache line that comes from another core's cache.
    line_ns,
    /// Reading another shard's metrics after they were written.
    block_ns,
    /// The load's code: a line read, checked and answered.
    load_line_ns,
}

impl Costs {
    /// Multiplies the costs within a shard by `per_mille` thousandths.
    pub(crate) fn scaled(self, per_mille: u64) -> Self {
        let times = |ns: u64| ns * per_mille / 1_000;
        Self {
            poll_ns: times(self.poll_ns),
            event_ns: times(self.event_ns),
            read_ns: times(self.read_ns),
            write_ns: times(self.write_ns),
            rouse_ns: times(self.rouse_ns),
            sleep_ns: times(self.sleep_ns),
            turn_ns: times(self.turn_ns),
            conn_ns: times(self.conn_ns),
            do_ns: times(self.do_ns),
            did_ns: times(self.did_ns),
            submit_ns: times(self.submit_ns),
            run_ns: times(self.run_ns),
            offer_ns: times(self.offer_ns),
            pair_ns: times(self.pair_ns),
            assign_ns: times(self.assign_ns),
            result_ns: times(self.result_ns),
            load_line_ns: times(self.load_line_ns),
            ..self
        }
    }

    /// Multiplies the costs between cores by `far`.
    pub(crate) fn at_distance(self, far: u64) -> Self {
        Self {
            post_ns: self.post_ns * far,
            receive_ns: self.receive_ns * far,
            far_submit_ns: self.far_submit_ns * far,
            far_run_ns: self.far_run_ns * far,
            far_offer_ns: self.far_offer_ns * far,
            far_assign_ns: self.far_assign_ns * far,
            far_result_ns: self.far_result_ns * far,
            line_ns: self.line_ns * far,
            block_ns: self.block_ns * far,
            ..self
        }
    }
}
