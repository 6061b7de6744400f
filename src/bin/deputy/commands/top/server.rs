//! The lines about the server. Pure.

use deputy::client::Metrics;
use ratatui::text::{Line, Span};

use super::draw::LABEL;
use super::state::State;
use super::theme::{Theme, bold, dim};
use crate::commands::health::{is_memory_full, memory_percent, uptime_ms};
use crate::format::{age, count, counted, rate, size};
use crate::out::one_line;

/// Columns of the gauge of memory.
const GAUGE: u64 = 10;
/// Columns between two parts of a line.
const GAP: usize = 3;

/// Which server, and since when.
pub(super) fn title(state: &State, columns: usize) -> Line<'static> {
    let mut parts = vec![vec![Span::styled(state.url.clone(), bold())]];
    if let Some((_, metrics)) = &state.latest {
        let (version, up) = (one_line(&metrics.version), age(uptime_ms(metrics)));
        let about = [version.into_owned(), format!("up {up}"), counted(metrics.threads, "thread")];
        parts.extend(about.map(|about| vec![Span::styled(about, dim())]));
    }
    joined(parts, columns)
}

/// What waits and runs, and how fast.
pub(super) fn jobs(state: &State, metrics: &Metrics, columns: usize) -> Line<'static> {
    let each = |per_second: Option<f64>| per_second.map_or_else(|| "-".to_owned(), rate);
    let parts = vec![
        vec![label("jobs"), figure(count(metrics.jobs_waiting)), Span::raw(" waiting")],
        vec![figure(count(metrics.jobs_running)), Span::raw(" running")],
        vec![figure(each(state.total.rate)), Span::raw(" done/s")],
        vec![figure(each(state.added)), Span::raw(" new/s")],
        vec![figure(each(state.failed)), Span::raw(" failed/s")],
    ];
    joined(parts, columns)
}

/// Who is there, and how much memory is used.
pub(super) fn workers(metrics: &Metrics, theme: &Theme, columns: usize) -> Line<'static> {
    let percent = memory_percent(metrics);
    let filled = (percent.min(100) * GAUGE).div_ceil(100);
    let [filled, empty] = [filled, GAUGE - filled].map(|columns| usize::try_from(columns).unwrap_or(0));
    let style = if is_memory_full(metrics) { theme.alarm } else { theme.graph };
    let parts = vec![
        vec![
            label("workers"),
            figure(count(metrics.workers)),
            Span::raw(format!(", {} idle", count(metrics.workers_idle))),
        ],
        vec![
            figure(count(metrics.connections_open)),
            Span::raw(if metrics.connections_open == 1 { " connection" } else { " connections" }),
        ],
        vec![
            Span::raw("memory "),
            Span::styled("█".repeat(filled), style),
            Span::styled("░".repeat(empty), dim()),
            Span::raw(format!(" {percent} % of {}", size(metrics.bytes_max))),
        ],
    ];
    joined(parts, columns)
}

/// What keys do, and which rows are shown where not all are.
pub(super) fn keys(state: &State, room: usize, columns: usize) -> Line<'static> {
    let all = state.latest.as_ref().map_or(0, |(_, metrics)| metrics.types.len());
    let last = state.first_row.saturating_add(room).min(all);
    let mut parts = Vec::new();
    if last - state.first_row < all {
        let rows = format!(" {} to {last} of {}", state.first_row + 1, count(all as u64));
        parts.push(vec![Span::styled("↑↓", bold()), Span::styled(rows, dim())]);
    }
    for (key, what) in [("q", "quit"), ("←→", "sort"), ("r", "reverse"), ("g", state.graph.other().title())] {
        parts.push(vec![Span::styled(key, bold()), Span::styled(format!(" {what}").to_lowercase(), dim())]);
    }
    joined(parts, columns)
}

/// As many parts as fit, but always the first.
fn joined(parts: Vec<Vec<Span<'static>>>, columns: usize) -> Line<'static> {
    let mut line = Line::default();
    for part in parts {
        let width: usize = part.iter().map(Span::width).sum();
        if line.spans.is_empty() {
            line.spans = part;
        } else if line.width() + GAP + width <= columns {
            line.push_span(" ".repeat(GAP));
            line.spans.extend(part);
        } else {
            break;
        }
    }
    line
}

fn label(text: &str) -> Span<'static> {
    Span::styled(format!("{text:width$}", width = LABEL.into()), dim())
}

fn figure(text: String) -> Span<'static> {
    Span::styled(text, bold())
}
