//! Answers requests for the figures of servers. An answer that is expensive to make is made once per sample of the
//! servers, and shared.

use std::sync::Arc;
use std::time::Instant;

use super::bodies::Bodies;
use super::page;
use super::request::{Method, Request, parameters};
use super::response::{HTML, JSON, Response};
use crate::monitor::exposition::{self, Format, Process};
use crate::monitor::format::one_line;
use crate::monitor::health::Health;
use crate::monitor::labels::Labels;
use crate::monitor::sampler::{Sampler, now_ms};
use crate::monitor::status;
use crate::monitor::timeline::View;

/// The part of an HTTP server that makes its answers.
pub(in crate::monitor) trait Service: Send + 'static {
    /// Answers a request, or returns `None` if it must wait until there are fresh figures.
    fn answer(&mut self, request: &Request, now: Instant) -> Option<Response>;

    /// Answers a request with the figures that are there, fresh or not.
    fn answer_now(&mut self, request: &Request, now: Instant) -> Response;

    /// Returns whether the answer contains figures: such answers take time.
    fn needs_figures(&self, request: &Request) -> bool;
}

/// Serves the figures of servers.
pub(in crate::monitor) struct ServersService {
    servers: Vec<Sampler>,
    labels: Labels,
    bodies: Bodies<KINDS>,
}

/// The kinds of bodies that are made once per sample: one per format, and the status.
const KINDS: usize = 3;
/// See [`KINDS`].
const STATUS: usize = 2;

/// The resource that a request is for.
enum Resource {
    Page,
    Healthy,
    Ready,
    Metrics(Format),
    /// The status of all types and servers, or of one.
    Status(status::Asked),
}

/// The answer at other paths.
const PATHS: &str = "there is nothing here; try /, /healthz, /readyz, /metrics or /status.json";

impl ServersService {
    /// Serves the figures of these servers. With several, each series has the label `server`.
    /// The first `types_max` types with a job have series of their own.
    pub(in crate::monitor) fn new(servers: Vec<Sampler>, types_max: usize) -> Self {
        Self { servers, labels: Labels::new(types_max), bodies: Bodies::new() }
    }

    /// Returns the resource that a request is for, or the answer that refuses the request, for example if it names an
    /// unknown server.
    fn resource(&self, request: &Request) -> Result<Resource, Response> {
        let resource = resource(request)?;
        if let Resource::Status(status::Asked { server: Some(name), .. }) = &resource
            && !self.servers.iter().any(|server| server.name == *name)
        {
            let known: Vec<&str> = self.servers.iter().map(|server| server.name.as_str()).collect();
            let text = format!("there is no server \"{}\" here; there is {}", one_line(name), known.join(", "));
            return Err(Response::line(404, &text));
        }
        Ok(resource)
    }

    /// Returns whether all figures are fresh. Demands those that are not.
    fn is_fresh(&self, now: Instant) -> bool {
        let stale = self.servers.iter().filter(|server| !server.view().is_fresh(now));
        stale.map(Sampler::demand).count() == 0
    }

    fn serve(&mut self, resource: &Resource, now: Instant) -> Response {
        match resource {
            Resource::Page => {
                let (document, policy) = page::document();
                Response { policy: Some(policy), ..Response::of(200, HTML, Arc::new(document.into_bytes())) }
            }
            Resource::Healthy => self.verdict(now, |health| health.unhealthy),
            Resource::Ready => self.verdict(now, |health| health.not_ready),
            Resource::Metrics(format) => {
                let body = self.metrics(*format, now);
                Response::of(200, format.content_type(), body)
            }
            Resource::Status(asked) => Response::of(200, JSON, self.status(asked, now)),
        }
    }

    /// Answers whether a server has a problem.
    fn verdict(&self, now: Instant, wrong: fn(Health) -> Option<String>) -> Response {
        let name = |server: &Sampler| if self.servers.len() > 1 { format!("{}: ", server.name) } else { String::new() };
        let problem = |server: &Sampler| Some(name(server) + &wrong(server.health(now))?);
        let all: Vec<String> = self.servers.iter().filter_map(problem).collect();
        if all.is_empty() { Response::line(200, "ok") } else { Response::line(503, &all.join("\n")) }
    }

    fn metrics(&mut self, format: Format, now: Instant) -> Arc<Vec<u8>> {
        let Self { servers, bodies, labels } = self;
        let views = views(servers);
        bodies.get(format as usize, &numbers(&views), || {
            let healths = healths(servers, now);
            let several = servers.len() > 1;
            let parts = servers.iter().zip(&views).zip(&healths);
            let facts = parts.map(|((server, view), health)| {
                let server = several.then_some(server.name.as_str());
                let by_type = view.full.as_ref().map(|full| labels.divide(&full.metrics));
                exposition::Facts { server, view, by_type, health, now }
            });
            exposition::text(&facts.collect::<Vec<_>>(), &Process::read(), format).into_bytes()
        })
    }

    /// Returns the status. All connections share the status of all types and servers.
    fn status(&mut self, asked: &status::Asked, now: Instant) -> Arc<Vec<u8>> {
        let views = views(&self.servers);
        let text = || status_of(&self.servers, &views, asked, now);
        if *asked == status::Asked::default() {
            self.bodies.get(STATUS, &numbers(&views), text)
        } else {
            Arc::new(text())
        }
    }
}

impl Service for ServersService {
    /// Waits until a sampler has fresh figures.
    fn answer(&mut self, request: &Request, now: Instant) -> Option<Response> {
        match self.resource(request) {
            Ok(resource) => {
                if resource.needs_figures() && !self.is_fresh(now) {
                    return None;
                }
                Some(self.serve(&resource, now))
            }
            Err(refusal) => Some(refusal),
        }
    }

    fn answer_now(&mut self, request: &Request, now: Instant) -> Response {
        self.resource(request).map_or_else(|refusal| refusal, |resource| self.serve(&resource, now))
    }

    fn needs_figures(&self, request: &Request) -> bool {
        self.resource(request).is_ok_and(|resource| resource.needs_figures())
    }
}

impl Resource {
    /// Returns whether the answer contains figures that must be fresh.
    fn needs_figures(&self) -> bool {
        matches!(self, Self::Metrics(_) | Self::Status(_))
    }
}

fn status_of(servers: &[Sampler], views: &[Arc<View>], asked: &status::Asked, now: Instant) -> Vec<u8> {
    let healths = healths(servers, now);
    let parts = servers.iter().zip(views).zip(&healths);
    let facts = parts.map(|((server, view), health)| status::Facts { name: &server.name, view, health });
    status::text(&facts.collect::<Vec<_>>(), asked, now, now_ms()).into_bytes()
}

fn views(servers: &[Sampler]) -> Vec<Arc<View>> {
    servers.iter().map(Sampler::view).collect()
}

fn numbers(views: &[Arc<View>]) -> Vec<u64> {
    views.iter().map(|view| view.number).collect()
}

fn healths(servers: &[Sampler], now: Instant) -> Vec<Health> {
    servers.iter().map(|server| server.health(now)).collect()
}

/// Returns the path of a request that only reads, or the answer that refuses any other.
pub(super) fn readable_path(request: &Request) -> Result<&str, Response> {
    if request.method == Method::Other {
        let response = Response::line(405, "only GET and HEAD are supported");
        return Err(Response { fields: "Allow: GET, HEAD\r\n", ..response });
    }
    Ok(&request.path)
}

/// Returns the resource that a request is for, or the answer that refuses the request.
fn resource(request: &Request) -> Result<Resource, Response> {
    match readable_path(request)? {
        "/" => Ok(Resource::Page),
        "/healthz" => Ok(Resource::Healthy),
        "/readyz" => Ok(Resource::Ready),
        "/metrics" => Ok(Resource::Metrics(if request.openmetrics { Format::OpenMetrics } else { Format::Prometheus })),
        "/status.json" => asked(&request.query).map(Resource::Status),
        _ => Err(Response::line(404, PATHS)),
    }
}

/// Returns the type and the server that a query of the status names.
fn asked(query: &str) -> Result<status::Asked, Response> {
    let one = |name| {
        let mut values = parameters(query, name);
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(Some(value)), None) => Ok(Some(value)),
            (Some(None), _) => Err(Response::line(400, &format!("{name} is not percent-encoded UTF-8"))),
            (Some(_), Some(_)) => Err(Response::line(400, &format!("{name} is given twice"))),
        }
    };
    Ok(status::Asked { type_name: one("type")?, server: one("server")? })
}
