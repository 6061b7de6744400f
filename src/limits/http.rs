//! The bounds of the HTTP server, and of the figures that it shows.

/// Connections of the HTTP server: more than browsers, probes and a Prometheus need. When there are more, the one that has
/// been idle longest is closed.
pub const HTTP_CONNECTIONS_MAX: usize = 64;

/// Connections that may wait to be accepted by the HTTP server. With [`HTTP_CPU_PERMILLE`] of a core it accepts and closes
/// about 300 per second, so a probe that arrives in a flood of connections waits about half a second behind the others.
pub const HTTP_BACKLOG: i32 = 128;

/// Bytes of the head of an HTTP request: what common servers take.
pub const HTTP_HEAD_BYTES_MAX: usize = 8 << 10;

/// How long a head may take from its first byte to its last, in milliseconds. A head is one packet.
pub const HTTP_HEAD_MS: u64 = 5_000;

/// How long an HTTP connection may stay open without a request, in milliseconds: longer than a scrape interval of a minute.
pub const HTTP_IDLE_MS: u64 = 75_000;

/// How long a request waits for fresh figures, in milliseconds. Then it is answered with what there is.
pub const HTTP_WAIT_MS: u64 = 2_000;

/// How long an answer may take to be sent, in milliseconds: as long as Prometheus waits for it by default.
pub const HTTP_WRITE_MS: u64 = 10_000;

/// Requests of a connection that are answered in one turn, so that one that sends many at once does not hold up the others.
pub const HTTP_REQUESTS_PER_TURN: usize = 16;

/// Connections accepted from an HTTP listener in one turn: no more descriptors are taken at once than by connections.
pub const HTTP_ACCEPTS_PER_TURN: usize = HTTP_CONNECTIONS_MAX;

/// Share of one core that HTTP answers with figures may take over time, in thousandths. A flood of requests then waits, and
/// jobs keep their cores.
pub const HTTP_FIGURES_CPU_PERMILLE: i64 = 10;
/// Processor time that they may take at once after a rest, in milliseconds. `/metrics` with 4,096 types takes 70, so two
/// scrapes in a row find room.
pub const HTTP_FIGURES_BURST_MS: i64 = 100;

/// The same share for all else of HTTP: probes, the page, refusals. A probe takes about 14 us.
pub const HTTP_CPU_PERMILLE: i64 = 5;
/// The same processor time for all else of HTTP.
pub const HTTP_BURST_MS: i64 = 10;

/// Bytes of earlier answers that may still be on their way to slow readers while another is made, in bytes.
pub const HTTP_BODIES_BYTES_MAX: usize = 64 << 20;

/// Age up to which the figures of a server are used again, in milliseconds.
pub const SAMPLE_FRESH_MS: u64 = 500;
/// The same where asking takes long, in milliseconds.
pub const SAMPLE_FRESH_MS_MAX: u64 = 5_000;

/// Between two samples of a server's totals, in milliseconds: the steps of the history.
pub const SAMPLE_STEP_MS: u64 = 2_000;

/// Steps of the history: 10 minutes.
pub const HISTORY_STEPS_MAX: usize = 300;

/// Between two of the samples from which quantiles are taken, in milliseconds. They then cover the last 1 to 2 minutes.
pub const WINDOW_STEP_MS: u64 = 60_000;

/// How long a server may take to answer before it counts as down, and one turn of a shard before the shard counts as stuck,
/// in milliseconds.
pub const STUCK_MS: u64 = 5_000;

/// How long a server may take to answer a question for its figures, in milliseconds: less than [`HTTP_WAIT_MS`], so that a
/// request gets what there is without them.
pub const ASK_MS: u64 = 1_500;

/// Default and most of `--http-types`: types that have a label of their own in the metrics.
pub const HTTP_TYPES_DEFAULT: usize = 200;
/// See [`HTTP_TYPES_DEFAULT`].
pub const HTTP_TYPES_MAX: usize = 4_096;
