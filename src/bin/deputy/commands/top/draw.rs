//! The screen of `deputy top`. Pure: it draws a state into a buffer of any size.

use std::time::{Duration, Instant};

use deputy::client::Metrics;
use deputy::monitor::state::{memory_percent, memory_warning};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{RenderDirection, Sparkline};

use super::layout::{COLUMNS, Column, GAP, Heights, Row, Widths};
use super::state::{Graph, State};
use super::theme::{Theme, bold, dim};
use crate::format::{age, count, counted, cut, left, rate, right, size, width};
use crate::out::one_line;
use crate::server::{mark, open_jobs, uptime_ms};

/// Columns of the labels before the lines about the server.
const LABEL: u16 = 9;
/// How late an answer may be before the screen shows that it is late.
const LATE: Duration = Duration::from_secs(2);

/// A state at a moment, to be drawn with or without colour.
pub(super) struct View<'a> {
    pub(super) state: &'a mut State,
    pub(super) now: Instant,
    pub(super) colour: bool,
}

impl View<'_> {
    pub(super) fn draw(self, frame: &mut Frame<'_>) {
        let area = frame.area();
        let columns = area.width.into();
        let notice = self.state.lost.as_ref().map(|(_, reason)| reason.clone());
        let parts = Heights::of(area.height, notice.is_some());
        let Heights { title, notice: notice_lines, jobs, workers, graph, gap, heading, rows, keys } = parts;
        let heights = [title, notice_lines, jobs, workers, graph, gap, heading, rows, keys].map(Constraint::Length);
        let [title, notice_area, jobs, workers, graph, _, heading, rows, keys] = Layout::vertical(heights).areas(area);
        self.state.fit(rows.height.into());
        self.title(frame, title);
        if let Some(reason) = notice {
            let reason = cut(&one_line(&reason), columns);
            frame.render_widget(Line::styled(reason, self.theme().alarm), notice_area);
        }
        if let Some((_, metrics)) = &self.state.latest {
            frame.render_widget(jobs_line(self.state, metrics, columns), jobs);
            frame.render_widget(workers_line(metrics, &self.theme(), columns), workers);
            self.graph(frame, graph);
        }
        self.table(frame, heading, rows);
        frame.render_widget(keys_line(self.state, rows.height.into(), columns), keys);
    }

    /// Draws the server on the left, and the state of the connection on the right.
    fn title(&self, frame: &mut Frame<'_>, area: Rect) {
        let (status, style) = self.status();
        let status = Line::styled(status, style).right_aligned();
        // If space is short, a problem is more important than the server's name, and the name than the usual state.
        let all = status.width() + 2 + width(&self.state.url);
        let is_shown = style.add_modifier.contains(Modifier::BOLD) || all <= area.width.into();
        let columns = if is_shown { u16::try_from(status.width() + 1).unwrap_or(u16::MAX) } else { 0 };
        let [left, right] = Layout::horizontal([Constraint::Fill(1), Constraint::Length(columns)]).areas(area);
        frame.render_widget(title_line(self.state, left.width.into()), left);
        frame.render_widget(status, right);
    }

    fn status(&self) -> (String, Style) {
        let State { latest, lost, delay, .. } = &*self.state;
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let since = |then: Instant| self.now.saturating_duration_since(then);
        let alarm = self.theme().alarm.add_modifier(Modifier::BOLD);
        match (lost, latest) {
            (Some((then, _)), _) => (format!("lost for {}", age(ms(since(*then)))), alarm),
            (None, None) => ("asking".to_owned(), dim()),
            (None, Some((then, _))) if since(*then) > *delay + LATE => {
                (format!("no answer for {}", age(ms(since(*then)))), alarm)
            }
            (None, Some((_, metrics))) if metrics.draining => {
                ("stopping".to_owned(), self.theme().warning.add_modifier(Modifier::BOLD))
            }
            (None, Some(_)) => (format!("every {}", age(ms(*delay)).replace(".0 s", " s")), dim()),
        }
    }

    /// Draws the graph of all types, over the whole width.
    fn graph(&self, frame: &mut Frame<'_>, area: Rect) {
        let [label, graph] = Layout::horizontal([Constraint::Length(LABEL), Constraint::Fill(1)]).areas(area);
        let mut values = self.state.total.values(self.state.graph, graph.width.into());
        let max = values.iter().copied().max().unwrap_or(0);
        values.reverse();
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let most = rate(max as f64 / 10.0);
        let title = self.state.graph.title().to_lowercase();
        for (line, text) in label.rows().zip([title.as_str(), "max", &most]) {
            frame.render_widget(Line::styled(text, dim()), line);
        }
        let bars = Sparkline::default().data(values).max(max.max(1)).direction(RenderDirection::RightToLeft);
        frame.render_widget(bars.style(self.theme().graph), graph);
    }

    fn table(&self, frame: &mut Frame<'_>, heading: Rect, rows: Rect) {
        let (title, lines) = table_lines(self.state, rows.width.into(), rows.height.into(), &self.theme());
        frame.render_widget(title, heading);
        if lines.is_empty() && self.state.latest.is_some() {
            frame.render_widget(Line::styled("No type has jobs or workers.", dim()), rows);
        }
        for (line, area) in lines.into_iter().zip(rows.rows()) {
            let line = if self.state.lost.is_some() { line.patch_style(dim()) } else { line };
            frame.render_widget(line, area);
        }
    }

    fn theme(&self) -> Theme {
        Theme::new(self.colour)
    }
}

/// Columns of the memory gauge.
const GAUGE: u64 = 10;
/// Columns between two parts of a line.
const PART_GAP: usize = 3;

/// Returns the line about the server and its uptime.
fn title_line(state: &State, columns: usize) -> Line<'static> {
    let mut parts = vec![vec![Span::styled(state.url.clone(), bold())]];
    if let Some((_, metrics)) = &state.latest {
        let (version, up) = (one_line(&metrics.version), age(uptime_ms(metrics)));
        let about = [version.into_owned(), format!("up {up}"), counted(metrics.threads, "thread")];
        parts.extend(about.map(|about| vec![Span::styled(about, dim())]));
    }
    joined(parts, columns)
}

/// Returns the line about jobs and their rates.
fn jobs_line(state: &State, metrics: &Metrics, columns: usize) -> Line<'static> {
    let each = |per_second: Option<f64>| per_second.map_or_else(|| "-".to_owned(), rate);
    let mut parts = vec![
        vec![label("jobs"), bold_span(count(metrics.jobs_waiting)), Span::raw(" waiting")],
        vec![bold_span(count(metrics.jobs_running)), Span::raw(" running")],
        vec![bold_span(each(state.total.rate)), Span::raw(" done/s")],
        vec![bold_span(each(state.added)), Span::raw(" new/s")],
        vec![bold_span(each(state.failed)), Span::raw(" failed/s")],
    ];
    if metrics.jobs_delayed > 0 {
        parts.push(vec![bold_span(count(metrics.jobs_delayed)), Span::raw(" delayed")]);
    }
    joined(parts, columns)
}

/// Returns the line about workers, connections and memory.
fn workers_line(metrics: &Metrics, theme: &Theme, columns: usize) -> Line<'static> {
    let percent = memory_percent(metrics);
    let filled = (percent.min(100) * GAUGE).div_ceil(100);
    let [filled, empty] = [filled, GAUGE - filled].map(|columns| usize::try_from(columns).unwrap_or(0));
    let style = if memory_warning(metrics).is_some() { theme.alarm } else { theme.graph };
    let parts = vec![
        vec![
            label("workers"),
            bold_span(count(metrics.workers)),
            Span::raw(format!(", {} idle", count(metrics.workers_idle))),
            Span::raw(match metrics.slots_spent {
                0 => String::new(),
                spent => format!(", {}", counted(spent, "spent slot")),
            }),
        ],
        vec![
            bold_span(count(metrics.connections_open)),
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

/// Returns the line about keys, and which rows are shown if not all are.
fn keys_line(state: &State, room: usize, columns: usize) -> Line<'static> {
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

/// Joins as many parts as fit, but always the first.
fn joined(parts: Vec<Vec<Span<'static>>>, columns: usize) -> Line<'static> {
    let mut line = Line::default();
    for part in parts {
        let width: usize = part.iter().map(Span::width).sum();
        if line.spans.is_empty() {
            line.spans = part;
        } else if line.width() + PART_GAP + width <= columns {
            line.push_span(" ".repeat(PART_GAP));
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

fn bold_span(text: String) -> Span<'static> {
    Span::styled(text, bold())
}

/// Returns the heading, and at most `room` rows from the first that is shown.
fn table_lines(state: &State, columns: usize, room: usize, theme: &Theme) -> (Line<'static>, Vec<Line<'static>>) {
    let rows = state.rows();
    let names: Vec<String> = rows.iter().map(|row| one_line(&row.numbers.name).into_owned()).collect();
    let widest_name = names.iter().map(|name| width(name)).max().unwrap_or(0);
    // The widest of all rows counts, not only of those shown: otherwise columns would move while scrolling.
    let widest = COLUMNS.map(|column| {
        let numbers = rows.iter().map(|row| column.number(row).len()).max().unwrap_or(0);
        // One more column is for the mark of the sorted column.
        numbers.max(column.title().len() + 1)
    });
    let widths = Widths::of(columns, widest_name, state.sort.column, |column| widest[column as usize]);
    let shown = rows.iter().zip(&names).skip(state.first_row).take(room);
    let lines = shown.map(|(row, name)| table_row(state, row, name, &widths, theme)).collect();
    (table_heading(state, &widths, columns, theme), lines)
}

fn table_heading(state: &State, widths: &Widths, columns: usize, theme: &Theme) -> Line<'static> {
    let title = |column: Column| {
        let mark = match (column == state.sort.column, state.sort.reversed == (column == Column::Type)) {
            (false, _) => "",
            (true, true) => "▼",
            (true, false) => "▲",
        };
        let style = if mark.is_empty() { theme.heading } else { theme.sorted_heading };
        (format!("{}{mark}", column.title()), style)
    };
    let (name, style) = title(Column::Type);
    let mut spans = vec![Span::styled(left(&name, widths.name), style)];
    for &(column, columns) in &widths.numbers {
        let (name, style) = title(column);
        spans.push(Span::styled(right(&name, columns), style));
    }
    let taken: usize = spans.iter().map(Span::width).sum();
    let graph = if widths.graph > 0 { format!("{:GAP$}GRAPH: {}", "", state.graph.title()) } else { String::new() };
    spans.push(Span::styled(left(&graph, columns.saturating_sub(taken)), theme.heading));
    Line::from(spans)
}

fn table_row(state: &State, row: &Row<'_>, name: &str, widths: &Widths, theme: &Theme) -> Line<'static> {
    let is_idle = open_jobs(row.numbers) == 0 && row.rate.unwrap_or(0.0) == 0.0;
    let mark = mark(row.numbers);
    let is_alarm = mark.as_ref().is_some_and(|mark| mark.is_alarm);
    let style = match (is_alarm, is_idle) {
        (true, _) => theme.alarm,
        (false, true) => dim(),
        (false, false) => Style::new(),
    };
    let mut spans = vec![Span::styled(left(name, widths.name), style.add_modifier(Modifier::BOLD))];
    spans.extend(
        widths.numbers.iter().map(|&(column, columns)| Span::styled(right(&column.number(row), columns), style)),
    );
    if let (Some(history), columns @ GAP..) = (state.history(&row.numbers.name), widths.graph) {
        spans.push(Span::raw(" ".repeat(GAP)));
        // If no jobs are done, the graph is empty.
        spans.push(match mark.filter(|_| state.graph == Graph::Done && (is_alarm || is_idle)) {
            Some(mark) => Span::styled(cut(&mark.text, columns - GAP), style),
            None => Span::styled(history.line(state.graph, columns - GAP), theme.graph),
        });
    }
    Line::from(spans)
}

#[cfg(test)]
mod tests {
    use deputy::client::Error;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use ratatui::style::Color;
    use serde_json::{Value, json};

    use super::*;
    use crate::commands::top::state::Answer;
    use crate::commands::top::state::tests::state;

    fn busy(done: u64) -> Value {
        json!({
            "jobs_waiting": 1_237, "jobs_running": 4, "jobs_done": done, "jobs_added": 2 * done, "workers": 3,
            "workers_idle": 2, "connections_open": 12, "bytes_held": 52 << 20, "bytes_max": 512 << 20, "threads": 4,
            "up_since": u64::MAX, "version": "0.1.0",
            "types": {
                "thumbnail": { "waiting": 1_234, "running": 4, "workers": 1, "done": done, "oldest_ms": 200_000 },
                "re\u{1b}size": { "waiting": 3, "oldest_ms": 449 },
                "crop": { "workers": 2, "done": 7 },
            }
        })
    }

    fn drawn(state: &mut State, now: Instant, width: u16, height: u16) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| View { state, now, colour: true }.draw(frame)).unwrap();
        let buffer = terminal.backend().buffer();
        let line = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
        (0..height).map(line).collect()
    }

    #[test]
    fn a_screen_shows_the_server_and_its_types() {
        let (mut state, at) = state(&[busy(0), busy(10), busy(30)]);
        assert_eq!(
            drawn(&mut state, at, 80, 12),
            [
                "tcp://127.0.0.1:11746   0.1.0   up 0.0 s   4 threads                   every 1 s",
                "jobs     1,237 waiting   4 running   20.0 done/s   40.0 new/s   0 failed/s",
                "workers  3, 2 idle   12 connections   memory █░░░░░░░░░ 10 % of 512 MiB",
                "",
                "TYPE          WAITING▼   RUNNING   WORKERS   DONE/S      OLDEST  GRAPH: DONE/S",
                "thumbnail        1,234         4         1     20.0  3 min 20 s               ▄█",
                "re\\u{1b}size         3         0         0        0       0.4 s  no worker",
                "crop                 0         0         2        0           -",
                "",
                "",
                "",
                "q quit   ←→ sort   r reverse   g waiting",
            ]
        );
    }

    #[test]
    fn delayed_jobs_and_spent_slots_are_shown() {
        let types = json!({ "a": { "workers": 1, "waiting": 1, "spent": 2 }, "b": { "delayed": 5 } });
        let members = json!({ "jobs_delayed": 5, "workers": 1, "slots_spent": 2, "types": types });
        let (mut state, at) = state(&[members.clone(), members]);
        let lines = drawn(&mut state, at, 80, 9);
        assert!(lines[1].ends_with("   5 delayed") && lines[2].contains(" idle, 2 spent slots   "), "{lines:?}");
        assert!(lines.iter().any(|line| line.starts_with("a ") && line.ends_with("  2 spent slots")), "{lines:?}");
        assert!(lines.iter().any(|line| line.starts_with("b ") && line.ends_with("  5 delayed")), "{lines:?}");
    }

    #[test]
    fn problems_are_shown_at_the_top() {
        let (mut state, at) = state(&[busy(0)]);
        let late = drawn(&mut state, at + Duration::from_secs(4), 80, 9);
        assert!(late[0].ends_with(" no answer for 4.0 s"), "{late:?}");
        let reason = Error::NotConnected("cannot connect".to_owned());
        state.on_answer(Answer { at, metrics: Err(reason) });
        let lost = drawn(&mut state, at + Duration::from_secs(70), 80, 9);
        assert!(lost[0].ends_with(" lost for 1 min 10 s") && lost[1] == "cannot connect", "{lost:?}");
        assert!(lost.iter().any(|line| line.starts_with("thumbnail")), "{lost:?}");
        let mut stopping = busy(0);
        stopping["draining"] = json!(true);
        let (mut state, at) = super::super::state::tests::state(&[stopping]);
        assert!(drawn(&mut state, at, 80, 9)[0].ends_with(" stopping"));
    }

    #[test]
    fn no_size_is_too_small_or_too_large() {
        let (mut nothing, at) = state(&[]);
        let (mut idle, _) = state(&[json!({})]);
        let (mut busy, _) = state(&[busy(0), busy(10)]);
        let (mut lost, _) = state(&[json!({ "types": { "a": {} } })]);
        lost.on_answer(Answer { at, metrics: Err(Error::TimedOut) });
        for state in [&mut nothing, &mut idle, &mut busy, &mut lost] {
            for width in (0..24).chain([60, 75, 80, 300]) {
                for height in (0..16).chain([24, 100]) {
                    drawn(state, at, width, height);
                }
            }
        }
    }

    #[test]
    fn the_visible_rows_of_a_long_table_are_shown() {
        let types: serde_json::Map<_, _> =
            (0..1_000).map(|n| (format!("{n:03}"), json!({ "waiting": 1, "workers": 1 }))).collect();
        let (mut state, at) = state(&[json!({ "types": types })]);
        state.first_row = usize::MAX;
        let lines = drawn(&mut state, at, 100, 24);
        assert!(
            lines[22].starts_with("999 ") && lines[23].starts_with("↑↓ 987 to 1000 of 1,000   q quit "),
            "{lines:?}"
        );
    }

    #[test]
    fn without_colour_there_is_none() {
        let (mut state, at) = state(&[busy(0)]);
        for colour in [true, false] {
            let mut terminal = Terminal::new(TestBackend::new(100, 30)).unwrap();
            terminal.draw(|frame| View { state: &mut state, now: at, colour }.draw(frame)).unwrap();
            let cells = &terminal.backend().buffer().content;
            assert_eq!(cells.iter().any(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset), colour);
        }
    }
}
