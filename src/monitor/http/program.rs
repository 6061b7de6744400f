//! Answers requests for a program that is no server, but has metrics and probes too.

use std::sync::Arc;
use std::time::Instant;

use super::request::Request;
use super::response::Response;
use super::service::{Service, readable_path};
use crate::monitor::exposition::{self, Format, Process, Text};

/// A program of this process with metrics and probes of its own. The HTTP thread calls these functions, so they must
/// not block.
pub trait Program: Send + 'static {
    /// Adds the program's metrics.
    fn put(&self, text: &mut Text);

    /// Returns why the program is not healthy: it does not work as it should, and only a restart may help.
    fn unhealthy(&self) -> Option<String>;

    /// Returns why the program is not ready: it cannot do its work for now, or it stops.
    fn not_ready(&self) -> Option<String>;
}

/// Serves the metrics and probes of a program.
pub(in crate::monitor) struct ProgramService<P>(pub(in crate::monitor) P);

/// The answer at other paths.
const PATHS: &str = "there is nothing here; try /metrics, /healthz or /readyz";

impl<P: Program> Service for ProgramService<P> {
    fn answer(&mut self, request: &Request, now: Instant) -> Option<Response> {
        Some(self.answer_now(request, now))
    }

    fn answer_now(&mut self, request: &Request, _: Instant) -> Response {
        let verdict = |wrong: Option<String>| match wrong {
            None => Response::line(200, "ok"),
            Some(why) => Response::line(503, &why),
        };
        match readable_path(request) {
            Ok("/metrics") => {
                let format = if request.openmetrics { Format::OpenMetrics } else { Format::Prometheus };
                let text = exposition::text_of(|text| self.0.put(text), &Process::read(), format);
                Response::of(200, format.content_type(), Arc::new(text.into_bytes()))
            }
            Ok("/healthz") => verdict(self.0.unhealthy()),
            Ok("/readyz") => verdict(self.0.not_ready()),
            Ok(_) => Response::line(404, PATHS),
            Err(refusal) => refusal,
        }
    }

    fn needs_figures(&self, request: &Request) -> bool {
        readable_path(request) == Ok("/metrics")
    }
}
