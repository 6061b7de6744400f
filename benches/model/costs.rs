//! What each operation costs, in nanoseconds of a core: the model's only figures. Measured by `calibrate`, or read from
//! a file, so that a set that was recorded on one machine can be replayed on another.

use std::fmt::Write;

/// Declares the costs once: a field each, in this order in the file.
macro_rules! costs {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// One machine's costs, in nanoseconds.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub(crate) struct Costs {
            $($(#[$doc])* pub(crate) $name: u64,)*
        }

        impl Costs {
            /// As text: a line for each, its name and its value.
            pub(crate) fn to_text(self) -> String {
                let mut out = String::new();
                $(let _ = writeln!(out, "{} {}", stringify!($name), self.$name);)* // Writing to a String cannot fail.
                out
            }

            /// Reads what [`to_text`](Self::to_text) wrote; empty lines and those with `#` in front are passed over.
            /// All costs must be there. The error is a line for people.
            pub(crate) fn parse(text: &str) -> Result<Self, String> {
                let mut given = std::collections::BTreeMap::new();
                for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
                    let cost = line.split_once(' ').and_then(|(name, ns)| Some((name, ns.trim().parse().ok()?)));
                    let (name, ns): (&str, u64) = cost.ok_or_else(|| format!("not a cost and its nanoseconds: {line}"))?;
                    given.insert(name, ns);
                }
                let costs = Self {
                    $($name: given.remove(stringify!($name)).ok_or(concat!(stringify!($name), " is missing"))?,)*
                };
                match given.first_key_value() {
                    Some((name, _)) => Err(format!("there is no cost {name}")),
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
    /// What a write or a wake costs more because the other side sleeps and has to be woken.
    rouse_ns,
    /// System call: the write to an eventfd by which a shard is woken, that of rousing it included.
    wake_ns,
    /// What blocking in `epoll_wait`, and being switched to again, costs the sleeper.
    sleep_ns,
    /// From the wake until the sleeper runs: no work, just time.
    wake_latency_ns,
    /// A turn of a shard beside its system calls: clock, figures, lists.
    turn_ns,
    /// What a ready connection costs in our code beside its lines, and a written one beside its replies.
    conn_ns,
    /// `do`: cut, decode, accept.
    do_ns,
    /// `did`: cut, decode, free the slot, offer it.
    did_ns,
    /// At home: a job comes, and is given to a shard.
    submit_ns,
    /// At home: an offer comes.
    offer_ns,
    /// A job comes for a worker: pick it, encode the line.
    assign_ns,
    /// An answer comes for a submitter: encode the line.
    result_ns,
    /// A batch put in a mailbox: the channel, the fence, the look at the flag.
    post_ns,
    /// A batch taken out of the mailbox, and its memory freed where another core allocated it.
    receive_ns,
    /// A message in it: its lines, and those of its texts, come from another core's cache.
    message_ns,
    /// One cache line that comes from another core's cache.
    line_ns,
    /// Another shard's block of figures read, after it was written.
    block_ns,
    /// The load's own code: a line read, checked and answered.
    load_line_ns,
}

impl Costs {
    /// With all that is paid on one shard as well, times `per_mille` thousandths; what is between cores as it is.
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
            offer_ns: times(self.offer_ns),
            assign_ns: times(self.assign_ns),
            result_ns: times(self.result_ns),
            load_line_ns: times(self.load_line_ns),
            ..self
        }
    }

    /// With all that comes from other cores times `far`.
    pub(crate) fn at_distance(self, far: u64) -> Self {
        Self {
            post_ns: self.post_ns * far,
            receive_ns: self.receive_ns * far,
            message_ns: self.message_ns * far,
            line_ns: self.line_ns * far,
            block_ns: self.block_ns * far,
            ..self
        }
    }
}
