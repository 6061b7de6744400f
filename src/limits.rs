//! All limits of the server, with their units and reasons.
//!
//! Limits with an option (docs/operating.md) have their defaults here. The others are fixed by docs/protocol.md, or
//! chosen for the reason in their comment.

mod http;

pub use http::*;

/// Containers that may be open at once in a line, its own object counted: what common JSON parsers take.
pub const DEPTH_MAX: usize = 128;

/// Bytes of a job type, unescaped. Types are names for people, and keys of tables.
pub const TYPE_BYTES_MAX: usize = 255;

/// Types that one connection may have given, and different ones in a list of types.
pub const TYPES_PER_CONNECTION_MAX: usize = 1_024;

/// Rows in the table of a metrics query for all types: many times a screen.
pub const TYPE_ROWS_MAX: usize = 1_000;

/// Types that have outcomes and histograms of their own, for as long as the server runs; the jobs of others are counted
/// together. Each takes about 500 bytes at every shard that has its queue or its workers: 2 MB for all of them.
pub const FIGURE_TYPES_MAX: usize = 4_096;

/// Bytes of the memory budget per type with figures of its own: with a budget below 128 MiB there are fewer such types
/// than [`FIGURE_TYPES_MAX`]. Figures do not count in the budget, so they must be small compared with it.
pub const BUDGET_BYTES_PER_FIGURE_TYPE: u64 = 32 << 10;

/// The number of types of which a shard remembers lost workers. More types rarely lose workers at once, and this many
/// take little memory.
pub const LOST_TYPES_MAX: usize = 1_024;

/// Bytes of an id as received, with its quotes: far more than clients use, and few enough to be decoded, compared and
/// copied at once.
pub const ID_BYTES_MAX: usize = 64 << 10;

/// Bytes of a job's `key`, unescaped: the same as of a type, for the same reasons.
pub const KEY_BYTES_MAX: usize = TYPE_BYTES_MAX;

/// Longest `delay_ms`, `deadline_ms`, `wait_ms` and `run_limit_ms` of a job, in milliseconds: 30 days.
pub const JOB_MS_MAX: u64 = 2_592_000_000;

/// Slots of a worker, in jobs: the range of `max_jobs` is 1 to this.
pub const JOBS_PER_WORKER_MAX: u32 = 65_535;

/// Job numbers stay below this, so that a client that keeps numbers as doubles has them exact.
pub const JOB_NUMBER_MAX: u64 = 1 << 53;

/// Unsent bytes past which a worker gets no further job, and a connection on which no byte moves is stalled.
pub const UNSENT_PAUSE_BYTES: u64 = 1 << 20;

/// The bytes that a job counts in the memory budget in addition to its text: for its record, its place in a queue or
/// slot, and the allocator. A job in a long queue really takes about 80. The only job of a type takes about 360, with
/// its queue; one of thousands of jobs that workers take, hold or lose takes up to 450. With this value a server of
/// small jobs stays within twice its budget, the program included. The default budget leaves room for that.
pub const JOB_FIXED_BYTES: u64 = 384;

/// The bytes that options add to that: once if the job has a run limit, attempts or a key, and once if it has a ticket,
/// because it is delayed, has a deadline or `wait_ms`, can be cancelled, is durable or reports progress.
pub const JOB_OPTIONS_BYTES: u64 = 256;

/// Bytes of a line without its end: default, least and most of `--max-line`.
pub const LINE_BYTES_DEFAULT: usize = 16 << 20;
/// See [`LINE_BYTES_DEFAULT`].
pub const LINE_BYTES_MIN: usize = 64;
/// See [`LINE_BYTES_DEFAULT`].
pub const LINE_BYTES_MAX: usize = 1 << 30;

/// The longest line that is kept until its end comes, and then decoded at once, in bytes. A longer line is checked
/// piece by piece.
pub const WHOLE_LINE_BYTES_MAX: usize = 32 << 10;

/// Bytes of a chunk of a long value: few enough blocks for the allocator, and little room unused at a value's end.
pub const CHUNK_BYTES: usize = 64 << 10;

/// Free chunks that each thread keeps for the next long values: as many as a job needs whose arg and result are as long as a
/// default line may be. With fewer, the allocator returns what is left of such jobs to the system all at once, in a turn of
/// several milliseconds. They do not count in the budget, and are freed when they were not used for some seconds.
pub const SPARE_CHUNKS_MAX: usize = 2 * LINE_BYTES_DEFAULT / CHUNK_BYTES;

/// The time between two checks for unused chunks, in milliseconds, and the maximum number that each check frees.
pub const CHUNKS_RELEASE_MS: u64 = 1_000;
/// See [`CHUNKS_RELEASE_MS`].
pub const CHUNKS_RELEASED_MAX: usize = 64;

/// The smallest memory budget, in bytes. The default is half of the memory of the machine or its cgroup.
pub const MEMORY_BYTES_MIN: u64 = 1 << 20;

/// Default of `--max-unsent`, in bytes.
pub const UNSENT_BYTES_DEFAULT: u64 = 64 << 20;

/// Default of `--max-attempts`.
pub const ATTEMPTS_DEFAULT: u32 = 3;

/// Shards that a server may have.
pub const SHARDS_MAX: usize = 1_024;

/// Bytes read from one connection in one turn, so that no connection delays the others of its shard.
pub const READ_BYTES_PER_TURN: usize = 64 << 10;

/// Lines of one connection that a turn handles, because short lines take longer per byte. What is left of a read waits in the
/// shard's memory for the next turn.
pub const LINES_PER_TURN: usize = 1_024;

/// Bytes that one read of a shard may bring, into a buffer that its connections share. A turn reads this much of a long
/// line.
pub const READ_BYTES: usize = 16 << 10;

/// The buffer for reads of a shard, in bytes. It has room for a read of [`READ_BYTES`] after those of other connections.
pub const BATCH_BYTES: usize = 2 * READ_BYTES;

/// Bytes of long lines that a shard reads in one turn, and bytes that it writes to connections with much unsent, both
/// of all its connections. The others continue in the next turn, so that even many of them delay small lines only for a
/// short time.
pub const LONG_BYTES_PER_TURN: usize = 64 << 10;

/// Bytes written to one connection in one turn, for the same reason. The system takes longer for them than for bytes that
/// are read, because a loopback connection is delivered to at once.
pub const WRITE_BYTES_PER_TURN: usize = 64 << 10;

/// Unsent bytes from which on a connection is written to after all that have fewer.
pub const MUCH_UNSENT_BYTES: usize = 64 << 10;

/// Unsent bytes of a connection from which on further ones go into another buffer. A buffer that grew to 64 MiB would
/// be copied as a whole in a turn.
pub const UNSENT_PART_BYTES: usize = 64 << 10;

/// Bytes written in one turn to a connection with more than [`MUCH_UNSENT_BYTES`]. With 64 KiB the p99 of small jobs
/// while large ones are sent is 1.5 times as long.
pub const WRITE_BYTES_OF_MUCH: usize = 16 << 10;

/// Rows of types that a shard finds, or adds up, in one turn for metrics queries: some 0.2 ms.
pub const ROWS_PER_TURN: u32 = 1_024;

/// Jobs that a shard gives up in one turn, because of a `cancel` with the id of many jobs, or because their connection
/// has ended: some 0.25 ms. Each further `cancel` line gives up one more.
pub const GIVE_UPS_PER_TURN: usize = 256;

/// Jobs of lost workers that a shard requeues, or ends, in one turn: some 0.2 ms. A worker may hold 65,535.
pub const LOSSES_PER_TURN: usize = 512;

/// Members of groups to which a shard passes on an answer, or progress, in one turn: some 0.2 ms. A key may have as many as the
/// memory budget allows.
pub const MEMBERS_PER_TURN: usize = 256;

/// Jobs that a shard assigns in one turn, besides the first for each message. A worker may offer 65,535 slots at once,
/// and this many jobs take some 0.4 ms.
pub const ASSIGNS_PER_TURN: u32 = 512;

/// Types whose free slots a shard offers in one step when a worker of many types comes or becomes free. The next ones follow
/// in the next turn.
pub const TYPES_PER_TURN: usize = 64;

/// Types of a worker that record each job that it takes. If more follow the worker's slots, the type of the job records most
/// of them, because a worker may have 1,024 types and take 512 jobs in a turn.
pub const POOLS_PER_JOB: usize = 16;

/// Timers that a shard handles in one turn, so that many due timers do not delay its connections.
pub const TIMERS_PER_TURN: usize = 1_024;

/// Longest time-out that can be given, in seconds: a day.
pub const SECONDS_MAX: u64 = 86_400;

/// Default of `--stall-timeout`, in seconds.
pub const STALL_SECONDS_DEFAULT: u64 = 30;

/// Default of `--drain-timeout`, in seconds. Docker and supervisord kill a process 10 s after SIGTERM; this leaves time
/// to answer the remaining jobs and to send the answers ([`FLUSH_MS`]).
pub const DRAIN_SECONDS_DEFAULT: u64 = 8;

/// How long a connection may keep sending after it was sent the reason why it is closed, in milliseconds. Closing at once
/// would reset it, and the reset could overtake the last line.
pub const LINGER_MS: u64 = 1_000;

/// How long a stopping server tries to send unsent bytes, in milliseconds.
pub const FLUSH_MS: u64 = 1_000;

/// Connections that may wait to be accepted.
pub const BACKLOG: i32 = 4_096;

/// Seconds between two lines of `-v`, as in 2011.
pub const REPORT_SECONDS: u64 = 5;

/// Default of `--port`: the port of the server of 2011.
pub const PORT_DEFAULT: u16 = 11_746;

/// The largest values of the memory budget and of the limit of unsent bytes, in bytes. A pebibyte is more than machines
/// have, and so far below 2^64 that no sum of such figures can wrap.
pub const BYTES_MAX: u64 = 1 << 50;

/// The memory budget if the system does not say how much memory it has, in bytes.
pub const MEMORY_BYTES_UNKNOWN: u64 = 1 << 30;

/// Default of `--keepalive`: seconds without traffic before the first probe, ...
pub const KEEPALIVE_IDLE_SECONDS_DEFAULT: u32 = 30;
/// ... seconds between two probes, ...
pub const KEEPALIVE_INTERVAL_SECONDS_DEFAULT: u32 = 10;
/// ... and lost probes after which the connection counts as lost.
pub const KEEPALIVE_COUNT_DEFAULT: u32 = 3;
/// Longest idle time and interval of `--keepalive`, in seconds: what Linux takes.
pub const KEEPALIVE_SECONDS_MAX: u32 = 32_767;
/// Most probes of `--keepalive`: what Linux takes.
pub const KEEPALIVE_COUNT_MAX: u32 = 127;

/// Connections accepted from one listener before the other listeners and a signal to stop are checked.
pub const ACCEPTS_PER_ROUND: usize = 1_024;

/// Failed accepts in one round after which the listener pauses for [`ACCEPT_RETRY_MS`], because the failure may last.
pub const ACCEPT_FAILURES_PER_ROUND: usize = 16;

/// Connections refused in one round while there is no descriptor for them. With one round per [`ACCEPT_RETRY_MS`],
/// refusing costs at most about a hundredth of a core.
pub const REFUSALS_PER_ROUND: usize = 64;

/// Pause before a listener without descriptors or memory is tried again, in milliseconds.
pub const ACCEPT_RETRY_MS: u64 = 100;

/// Log lines that may wait while stderr accepts none. Further ones are dropped and counted.
pub const LOG_LINES_MAX: usize = 1_024;

/// How long a server that ends waits until stderr accepts its last log lines, in milliseconds.
pub const LOG_FLUSH_MS: u64 = 200;

/// How long a start waits for another start in the same folder, in milliseconds.
pub const START_LOCK_MS: u64 = 2_000;

/// Bytes that one read of a client may bring.
pub const READ_BUFFER_BYTES: usize = 64 << 10;

/// Events that a shard takes from its poller in one turn.
pub const EVENTS_PER_TURN_MAX: usize = 1_024;

/// Connections that a shard reads from, or writes to, before it handles its mailbox again. With fewer, other shards
/// wait less for a busy home, but batches are smaller and cost more if cores share no cache (docs/decisions.md).
pub const CONNECTIONS_PER_MAIL: usize = 16;

/// Messages for a shard that are delivered after the mailbox was handled within a turn. Fewer wait for the turn's end, or for
/// [`CONNECTIONS_PER_DELIVERY`], because most of the cost of a batch does not depend on its length.
pub const MESSAGES_PER_DELIVERY: usize = 8;

/// Connections that a shard reads from, or writes to, before it delivers all messages, however few. A multiple of
/// [`CONNECTIONS_PER_MAIL`].
pub const CONNECTIONS_PER_DELIVERY: usize = 64;
const _: () = assert!(CONNECTIONS_PER_DELIVERY.is_multiple_of(CONNECTIONS_PER_MAIL));

/// The largest batch of messages, by its capacity, whose memory a shard keeps for the next one. It keeps at most two such
/// batches per shard of the server. With 64 shards that is 256 KiB per shard, 16 MiB in all.
pub const SPARE_MESSAGES_MAX: usize = 32;

/// Empty buffers for unsent bytes that a shard keeps for the next reply: the largest, and all together, in bytes.
pub const SPARE_BUFFER_BYTES_MAX: usize = 64 << 10;
/// See [`SPARE_BUFFER_BYTES_MAX`].
pub const SPARE_BYTES_MAX: usize = 4 << 20;

/// The largest buffer for unsent bytes that counts as small: enough for several ordinary lines. See `SpareBuffers`.
pub const SMALL_BUFFER_BYTES_MAX: usize = 1_024;

/// A client's time for one attempt to connect, in seconds. A lost SYN is sent again after 1 s and after 3 s.
pub const CONNECT_SECONDS_DEFAULT: u64 = 5;

/// Silence after which a client or worker sends a `ping`, in seconds.
pub const PING_AFTER_SECONDS_DEFAULT: u64 = 15;

/// How long the server may take to answer a `ping`, in seconds. So a dead server is detected within a minute, even if
/// it dies just after it has answered a `ping`, and the next `ping` waits behind unsent lines.
pub const ANSWER_SECONDS_DEFAULT: u64 = 20;

/// How long jobs that are submitted in an outage wait for its end, in seconds. A restart of the server takes less.
pub const OUTAGE_SECONDS_DEFAULT: u64 = 5;

/// A client's longest wait before the first attempt to connect again, in milliseconds.
pub const RETRY_FIRST_MS_DEFAULT: u64 = 20;
/// A client's longest wait before any attempt, in milliseconds. The peers of a restarted server return soon, but not
/// all at once.
pub const RETRY_CAP_MS_DEFAULT: u64 = 3_000;

/// Bytes that may wait to be sent in a client.
pub const CLIENT_UNSENT_BYTES_DEFAULT: usize = 64 << 20;

/// Bytes of a line that a client accepts in any case. A metrics table of all types that it may have fits
/// ([`FIGURE_TYPES_MAX`] and [`TYPE_ROWS_MAX`]), with histograms and the longest names, all escaped.
pub const CLIENT_LINE_BYTES_LEAST: usize = 24 << 20;

/// The longest line that a client sends without knowing the server's limit, in bytes. Before a longer line, the client
/// asks for the limit, once per connection. Servers with a lower limit are rare, and most connections never need to
/// ask.
pub const CLIENT_LINE_BYTES_UNASKED: usize = 1_024;

/// Progress reports of a job that a client keeps until its program reads them. More than a screen shows.
pub const CLIENT_REPORTS_MAX: usize = 64;

/// Bytes of these reports, if they are more than one. As many as the server keeps unsent before it drops reports.
pub const CLIENT_REPORTS_BYTES_MAX: usize = 1 << 20;

/// How long a client that is dropped tries to send its lines, in milliseconds.
pub const CLOSE_MS: u64 = 1_000;
