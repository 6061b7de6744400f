//! The picture of a state. Pure: it draws into a buffer of any size.

use std::time::{Duration, Instant};

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{RenderDirection, Sparkline};

use super::layout::Heights;
use super::server;
use super::state::State;
use super::table;
use super::theme::{Theme, dim};
use crate::format::{age, cut, rate, width};
use crate::out::one_line;

/// Columns of what stands before the lines of the server.
pub(super) const LABEL: u16 = 9;
/// How late an answer may be before that is shown.
const LATE: Duration = Duration::from_secs(2);

/// A state at a moment, with colour or without.
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
            frame.render_widget(server::jobs(self.state, metrics, columns), jobs);
            frame.render_widget(server::workers(metrics, &self.theme(), columns), workers);
            self.graph(frame, graph);
        }
        self.table(frame, heading, rows);
        frame.render_widget(server::keys(self.state, rows.height.into(), columns), keys);
    }

    /// The server on the left, and what is wrong on the right.
    fn title(&self, frame: &mut Frame<'_>, area: Rect) {
        let (status, style) = self.status();
        let status = Line::styled(status, style).right_aligned();
        // What is wrong goes before the name of the server, and that before what goes without saying.
        let all = status.width() + 2 + width(&self.state.url);
        let is_shown = style.add_modifier.contains(Modifier::BOLD) || all <= area.width.into();
        let columns = if is_shown { u16::try_from(status.width() + 1).unwrap_or(u16::MAX) } else { 0 };
        let [left, right] = Layout::horizontal([Constraint::Fill(1), Constraint::Length(columns)]).areas(area);
        frame.render_widget(server::title(self.state, left.width.into()), left);
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

    /// What all types do, over the whole width.
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
        let (title, lines) = table::lines(self.state, rows.width.into(), rows.height.into(), &self.theme());
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

#[cfg(test)]
mod tests {
    use deputy::client::Error;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use ratatui::style::Color;
    use serde_json::{Value, json};

    use super::*;
    use crate::commands::top::events::Answer;
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
    fn what_is_wrong_is_told_above() {
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
    fn pages_of_a_long_table_are_told() {
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
