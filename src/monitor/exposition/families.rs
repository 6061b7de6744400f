//! All families of a server, in the order of the text.

use super::Facts;
use super::text::Kind::{self, Counter, Gauge};
use super::text::Number::{self, Count, Flag, Ms};
use super::text::Text;
use crate::client::{FaultMetrics, Metrics};
use crate::metrics::Fault;

/// A family of samples.
pub(super) struct Family {
    /// Its name; of a counter without `_total`.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) help: &'static str,
    samples: Samples,
}

/// Where samples come from.
enum Samples {
    /// One, also while the server does not answer.
    Always(fn(&Facts<'_>) -> Number),
    /// One, from the totals.
    Total(fn(&Metrics) -> Number),
    /// The server's version.
    Version,
    /// One per class of faults.
    Faults,
}

use Samples::{Always, Faults, Total, Version};

/// All families.
#[rustfmt::skip]
pub(super) const FAMILIES: &[Family] = &[
    Family { name: "deputy_up", kind: Gauge, help: "Whether the server answers.", samples: Always(|facts| Flag(facts.is_up())) },
    Family { name: "deputy_ready", kind: Gauge, help: "Whether the server accepts jobs.", samples: Always(|facts| Flag(facts.health.not_ready.is_none())) },
    Family { name: "deputy_build_info", kind: Gauge, help: "The server's version.", samples: Version },
    Family { name: "deputy_uptime_seconds", kind: Gauge, help: "Time since the server started.", samples: Total(|totals| Ms(totals.uptime_ms)) },
    Family { name: "deputy_draining", kind: Gauge, help: "Whether the server is stopping.", samples: Total(|totals| Flag(totals.draining)) },
    Family { name: "deputy_connections", kind: Counter, help: "Connections accepted.", samples: Total(|totals| Count(totals.connections)) },
    Family { name: "deputy_connections_refused", kind: Counter, help: "Connections refused because no file descriptor was left.", samples: Total(|totals| Count(totals.connections_refused)) },
    Family { name: "deputy_connections_open", kind: Gauge, help: "Connections that are open.", samples: Total(|totals| Count(totals.connections_open)) },
    Family { name: "deputy_workers_added", kind: Counter, help: "Connections that became workers, each once.", samples: Total(|totals| Count(totals.workers_added)) },
    Family { name: "deputy_worker_connections", kind: Gauge, help: "Connections with a type.", samples: Total(|totals| Count(totals.workers)) },
    Family { name: "deputy_worker_connections_idle", kind: Gauge, help: "Workers that hold no job.", samples: Total(|totals| Count(totals.workers_idle)) },
    Family { name: "deputy_jobs_accepted", kind: Counter, help: "Jobs accepted, each once.", samples: Total(|totals| Count(totals.jobs_added)) },
    Family { name: "deputy_jobs_dispatched", kind: Counter, help: "Jobs sent to a worker, each time.", samples: Total(|totals| Count(totals.jobs_dispatched)) },
    Family { name: "deputy_jobs_requeued", kind: Counter, help: "Jobs requeued because their worker was lost.", samples: Total(|totals| Count(totals.jobs_reassigned)) },
    Family { name: "deputy_jobs_refused", kind: Counter, help: "Jobs refused.", samples: Total(|totals| Count(totals.jobs_refused)) },
    Family { name: "deputy_jobs_joined", kind: Counter, help: "Jobs that joined another one with their key.", samples: Total(|totals| Count(totals.jobs_joined)) },
    Family { name: "deputy_results_dropped", kind: Counter, help: "Answers whose submitter had left.", samples: Total(|totals| Count(totals.results_dropped)) },
    Family { name: "deputy_progress_dropped", kind: Counter, help: "Progress dropped because its submitter does not read.", samples: Total(|totals| Count(totals.progress_dropped)) },
    Family { name: "deputy_protocol_errors", kind: Counter, help: "Lines of peers that were answered with an error.", samples: Total(|totals| Count(totals.protocol_errors)) },
    Family { name: "deputy_faults", kind: Counter, help: "What peers did wrong, by class.", samples: Faults },
    Family { name: "deputy_memory_held_bytes", kind: Gauge, help: "Bytes that count in the memory budget.", samples: Total(|totals| Count(totals.bytes_held)) },
    Family { name: "deputy_memory_budget_bytes", kind: Gauge, help: "The memory budget.", samples: Total(|totals| Count(totals.bytes_max)) },
    Family { name: "deputy_line_max_bytes", kind: Gauge, help: "The longest line that the server accepts.", samples: Total(|totals| Count(totals.max_line)) },
];

impl Family {
    /// Adds the samples of a server.
    pub(super) fn put(&self, facts: &Facts<'_>, text: &mut Text) {
        if let Always(number) = self.samples {
            return text.put(&[], number(facts));
        }
        if !facts.is_up() {
            return;
        }
        let totals = &*facts.view.totals;
        match self.samples {
            Always(number) => text.put(&[], number(facts)),
            Total(number) => text.put(&[], number(totals)),
            Version => text.put(&[("version", &totals.version)], Count(1)),
            Faults => {
                for &fault in Fault::ALL {
                    text.put(&[("kind", fault.name())], Count(count_of(&totals.faults, fault)));
                }
            }
        }
    }
}

/// Returns how often a class of faults occurred.
fn count_of(faults: &FaultMetrics, fault: Fault) -> u64 {
    match fault {
        Fault::BadJson => faults.bad_json,
        Fault::BadRequest => faults.bad_request,
        Fault::UnknownCmd => faults.unknown_cmd,
        Fault::NotHolding => faults.not_holding,
        Fault::QueueFull => faults.queue_full,
        Fault::FirstLine => faults.first_line,
        Fault::TooLong => faults.too_long,
        Fault::HalfLine => faults.half_line,
        Fault::Unsent => faults.unsent,
        Fault::Stalled => faults.stalled,
        Fault::Silent => faults.silent,
        Fault::Broken => faults.broken,
        Fault::LeftHolding => faults.left_holding,
        Fault::GaveUp => faults.gave_up,
        Fault::Overdue => faults.overdue,
    }
}
