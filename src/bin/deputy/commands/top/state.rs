//! The state of `top`: the last metrics, and the user's choices. Pure.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use deputy::client::{Error, Metrics};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::layout::{COLUMNS, Row, Sort};
use super::window::Window;
use crate::server::{Quantiles, is_cut};

/// The metrics of the server or the reason of a failure, and their time.
pub(super) struct Answer {
    pub(super) at: Instant,
    pub(super) metrics: Result<Metrics, Error>,
}

pub(super) struct State {
    pub(super) url: String,
    /// The time between two queries.
    pub(super) delay: Duration,
    /// The last metrics, and when they came. They stay when the connection is lost.
    pub(super) latest: Option<(Instant, Metrics)>,
    /// Since when the connection is lost, and why.
    pub(super) lost: Option<(Instant, String)>,
    /// The history of all types together.
    pub(super) total: History,
    pub(super) added: Option<f64>,
    pub(super) failed: Option<f64>,
    /// The history of each type in the last metrics.
    types: HashMap<String, History>,
    window: Window,
    pub(super) sort: Sort,
    pub(super) graph: Graph,
    /// The first row that is shown, and how many rows fit.
    pub(super) first_row: usize,
    visible_rows: usize,
}

/// The action of the loop after a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Nothing,
    Quit,
    Interrupt,
    Suspend,
    Redraw,
}

impl State {
    pub(super) fn new(url: String, delay: Duration) -> Self {
        Self {
            url,
            delay,
            latest: None,
            lost: None,
            total: History::default(),
            added: None,
            failed: None,
            types: HashMap::new(),
            window: Window::default(),
            sort: Sort::default(),
            graph: Graph::default(),
            first_row: 0,
            visible_rows: 0,
        }
    }

    /// Called with each answer or failure.
    pub(super) fn on_answer(&mut self, answer: Answer) {
        match answer.metrics {
            Ok(metrics) => self.update(answer.at, metrics),
            Err(error) => {
                let since = self.lost.take().map_or(answer.at, |(since, _)| since);
                self.lost = Some((since, error.to_string()));
            }
        }
    }

    fn update(&mut self, at: Instant, metrics: Metrics) {
        self.lost = None;
        let before = self.latest.take().filter(|(_, before)| before.up_since == metrics.up_since);
        if before.is_none() {
            // These are the first metrics of this server: its counters begin at zero.
            self.types.clear();
            self.window.clear();
            self.total = History::default();
        }
        let seconds = before.as_ref().map_or(0.0, |(then, _)| at.saturating_duration_since(*then).as_secs_f64());
        let old = before.as_ref().map(|(_, old)| old);
        let since = |figure: fn(&Metrics) -> u64| rate(figure(old?), figure(&metrics), seconds);
        self.added = since(|metrics| metrics.jobs_added);
        self.failed = since(|metrics| metrics.jobs_failed);
        self.total.add(since(|metrics| metrics.jobs_done), metrics.jobs_waiting);
        let done: HashMap<&str, u64> =
            old.map_or(&[][..], |old| &old.types).iter().map(|row| (row.name.as_str(), row.done)).collect();
        // A type that was missing from a complete table had done nothing.
        let unknown = old.filter(|old| !is_cut(&old.types)).map(|_| 0);
        self.window.add(at, &metrics.types);
        let mut types = HashMap::with_capacity(metrics.types.len());
        for row in &metrics.types {
            let mut history = self.types.remove(&row.name).unwrap_or_default();
            let before = done.get(row.name.as_str()).copied().or(unknown);
            history.add(before.and_then(|before| rate(before, row.done, seconds)), row.waiting);
            history.quantiles = self.window.quantiles(row);
            types.insert(row.name.clone(), history);
        }
        self.types = types;
        self.latest = Some((at, metrics));
    }

    /// Returns the rows of the table in their order.
    pub(super) fn rows(&self) -> Vec<Row<'_>> {
        let types = self.latest.as_ref().map_or(&[][..], |(_, metrics)| &metrics.types);
        let mut rows = Vec::with_capacity(types.len());
        for numbers in types {
            let history = self.history(&numbers.name);
            let (rate, quantiles) = history.map(|history| (history.rate, history.quantiles)).unwrap_or_default();
            rows.push(Row { numbers, rate, quantiles });
        }
        self.sort.sort(&mut rows);
        rows
    }

    /// Returns the history of a type.
    pub(super) fn history(&self, name: &str) -> Option<&History> {
        self.types.get(name)
    }

    /// Adjusts the first row to the number of rows that fit: the last page is full.
    pub(super) fn fit(&mut self, room: usize) {
        let rows = self.latest.as_ref().map_or(0, |(_, metrics)| metrics.types.len());
        self.visible_rows = room;
        self.first_row = self.first_row.min(rows.saturating_sub(room));
    }

    pub(super) fn on_key(&mut self, key: KeyEvent) -> Action {
        if key.kind == KeyEventKind::Release {
            return Action::Nothing;
        }
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return match key.code {
                KeyCode::Char('c') => Action::Interrupt,
                KeyCode::Char('l') => Action::Redraw,
                KeyCode::Char('z') => Action::Suspend,
                _ => Action::Nothing,
            };
        }
        match key.code {
            KeyCode::Char('q') | KeyCode::Esc => return Action::Quit,
            KeyCode::Char('r') => self.sort.reversed = !self.sort.reversed,
            KeyCode::Char('g') => self.graph = self.graph.other(),
            KeyCode::Right | KeyCode::Char('>') => self.sort_by_next(1),
            KeyCode::Left | KeyCode::Char('<') => self.sort_by_next(COLUMNS.len() - 1),
            KeyCode::Up | KeyCode::Char('k') => self.first_row = self.first_row.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => self.first_row += 1,
            KeyCode::PageUp => self.first_row = self.first_row.saturating_sub(self.visible_rows),
            KeyCode::PageDown => self.first_row += self.visible_rows,
            KeyCode::Home => self.first_row = 0,
            KeyCode::End => self.first_row = usize::MAX,
            _ => {}
        }
        // Several keys may come before the next drawing.
        self.fit(self.visible_rows);
        Action::Nothing
    }

    fn sort_by_next(&mut self, places: usize) {
        self.sort = Sort { column: self.sort.column.next(places), reversed: false };
    }
}

/// The most points that are kept: as many as a wide graph has columns.
pub(super) const POINTS_MAX: usize = 240;

/// The steps of a bar that is one line high.
const STEPS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The last values of one type or of all, the newest last.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    /// Jobs done per second since the previous answer; none after the first.
    pub(super) rate: Option<f64>,
    /// The quantiles of the last minute; empty for all types together.
    quantiles: Quantiles,
    rates: VecDeque<f64>,
    waiting: VecDeque<u64>,
}

/// The value that the graphs show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Graph {
    #[default]
    Done,
    Waiting,
}

impl Graph {
    pub(super) fn other(self) -> Self {
        match self {
            Self::Done => Self::Waiting,
            Self::Waiting => Self::Done,
        }
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Done => "DONE/S",
            Self::Waiting => "WAITING",
        }
    }
}

impl History {
    /// Adds the values of an answer.
    pub(super) fn add(&mut self, rate: Option<f64>, waiting: u64) {
        self.rate = rate;
        if let Some(rate) = rate {
            push(&mut self.rates, rate);
        }
        push(&mut self.waiting, waiting);
    }

    /// Returns at most `most` of the last values, in tenths.
    pub(super) fn values(&self, graph: Graph, most: usize) -> Vec<u64> {
        fn last<T>(values: &VecDeque<T>, most: usize) -> impl Iterator<Item = &T> {
            values.iter().skip(values.len().saturating_sub(most))
        }
        match graph {
            Graph::Done => last(&self.rates, most).map(|rate| tenths(*rate)).collect(),
            Graph::Waiting => last(&self.waiting, most).map(|waiting| waiting.saturating_mul(10)).collect(),
        }
    }

    /// Returns a graph of one line and `columns` columns, the newest value on the right. Its scale ends at its largest value;
    /// a zero is a gap.
    pub(super) fn line(&self, graph: Graph, columns: usize) -> String {
        let values = self.values(graph, columns);
        let max = values.iter().copied().max().unwrap_or(0).max(1);
        let mut line = " ".repeat(columns - values.len());
        line.extend(values.into_iter().map(|value| step(value, max)));
        line
    }
}

fn push<T>(values: &mut VecDeque<T>, value: T) {
    if values.len() == POINTS_MAX {
        values.pop_front();
    }
    values.push_back(value);
}

fn step(value: u64, max: u64) -> char {
    if value == 0 {
        return ' ';
    }
    let highest = STEPS.len() as u128;
    let step = (u128::from(value) * highest).div_ceil(u128::from(max)).clamp(1, highest);
    STEPS[usize::try_from(step).map_or(0, |step| step - 1)]
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate is not negative; huge ones are cut"
)]
fn tenths(rate: f64) -> u64 {
    (rate * 10.0).round() as u64
}

/// Returns the rate between two counts; `None` if the count fell, for example because the last worker of a type has
/// left.
pub(super) fn rate(before: u64, after: u64, seconds: f64) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let done = after.checked_sub(before)? as f64;
    (seconds > 0.0).then(|| done / seconds)
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::commands::top::layout::Column;
    use crate::server::tests::metrics;

    /// Returns a state after these metrics, one per second.
    pub(crate) fn state(answers: &[Value]) -> (State, Instant) {
        let start = Instant::now();
        let mut state = State::new("tcp://127.0.0.1:11746".to_owned(), Duration::from_secs(1));
        let mut at = start;
        for answer in answers {
            at += Duration::from_secs(1);
            state.on_answer(Answer { at, metrics: Ok(metrics(answer.clone())) });
        }
        (state, at)
    }

    fn rates(state: &State) -> Vec<(&str, Option<f64>)> {
        state.rows().iter().map(|row| (row.numbers.name.as_str(), row.rate)).collect()
    }

    #[test]
    fn rates_come_from_two_answers() {
        let first = json!({ "jobs_done": 10, "jobs_added": 20, "types": { "a": { "done": 10 }, "b": { "done": 5 } } });
        let then = json!({
            "jobs_done": 14, "jobs_added": 50, "jobs_failed": 1,
            "types": { "a": { "done": 13 }, "b": { "done": 4 }, "c": { "done": 1 } }
        });
        let (mut state, at) = state(std::slice::from_ref(&first));
        assert_eq!(rates(&state), [("a", None), ("b", None)]);
        state.on_answer(Answer { at: at + Duration::from_secs(2), metrics: Ok(metrics(then)) });
        assert_eq!(rates(&state), [("a", Some(1.5)), ("b", None), ("c", Some(0.5))]);
        assert_eq!((state.total.rate, state.added, state.failed), (Some(2.0), Some(15.0), Some(0.5)));
        // A restarted server counts from zero.
        let mut again = first;
        again["up_since"] = json!(1);
        state.on_answer(Answer { at: at + Duration::from_secs(3), metrics: Ok(metrics(again)) });
        assert_eq!(rates(&state), [("a", None), ("b", None)]);
        assert_eq!((state.total.rate, state.total.values(Graph::Waiting, 9).len()), (None, 1));
    }

    #[test]
    fn a_type_that_a_full_table_did_not_have_is_of_unknown_rate() {
        let full: serde_json::Map<_, _> = (0..1_000).map(|n| (n.to_string(), json!({}))).collect();
        let (state, _) = state(&[json!({ "types": full }), json!({ "types": { "new": { "done": 9 } } })]);
        assert_eq!(rates(&state), [("new", None)]);
    }

    #[test]
    fn a_lost_server_is_lost_since_it_first_did_not_answer() {
        let (mut state, at) = state(&[json!({ "jobs_done": 3, "types": { "a": {} } })]);
        for later in 1..4 {
            let reason = Error::NotConnected(format!("reason {later}"));
            state.on_answer(Answer { at: at + Duration::from_secs(later), metrics: Err(reason) });
        }
        assert_eq!(state.lost, Some((at + Duration::from_secs(1), "reason 3".to_owned())));
        assert_eq!(rates(&state), [("a", None)]);
        let answer = metrics(json!({ "jobs_done": 11, "types": { "a": {} } }));
        state.on_answer(Answer { at: at + Duration::from_secs(4), metrics: Ok(answer) });
        assert_eq!((state.lost.is_none(), state.total.rate), (true, Some(2.0)));
    }

    #[test]
    fn keys_change_the_order_the_graph_and_the_page() {
        let types: serde_json::Map<_, _> = (0..30).map(|n| (n.to_string(), json!({}))).collect();
        let (mut state, _) = state(&[json!({ "types": types })]);
        state.fit(10);
        let key = |code| KeyEvent::new(code, KeyModifiers::NONE);
        for (code, first) in [
            (KeyCode::Up, 0),
            (KeyCode::Down, 1),
            (KeyCode::PageDown, 11),
            (KeyCode::PageDown, 20),
            (KeyCode::Down, 20),
            (KeyCode::PageUp, 10),
            (KeyCode::End, 20),
            (KeyCode::Home, 0),
        ] {
            assert_eq!((state.on_key(key(code)), state.first_row), (Action::Nothing, first), "{code}");
        }
        state.on_key(key(KeyCode::Char('r')));
        assert_eq!(state.sort, Sort { column: Column::Waiting, reversed: true });
        state.on_key(key(KeyCode::Left));
        assert_eq!(state.sort, Sort { column: Column::Type, reversed: false });
        state.on_key(key(KeyCode::Char('>')));
        assert_eq!(state.sort, Sort::default());
        state.on_key(key(KeyCode::Char('g')));
        assert_eq!(state.graph, Graph::Waiting);
        for (code, modifiers, act) in [
            (KeyCode::Char('q'), KeyModifiers::NONE, Action::Quit),
            (KeyCode::Esc, KeyModifiers::NONE, Action::Quit),
            (KeyCode::Char('c'), KeyModifiers::CONTROL, Action::Interrupt),
            (KeyCode::Char('z'), KeyModifiers::CONTROL, Action::Suspend),
            (KeyCode::Char('l'), KeyModifiers::CONTROL, Action::Redraw),
            (KeyCode::Char('q'), KeyModifiers::CONTROL, Action::Nothing),
            (KeyCode::F(5), KeyModifiers::NONE, Action::Nothing),
        ] {
            assert_eq!(state.on_key(KeyEvent::new(code, modifiers)), act);
        }
    }

    #[test]
    fn a_rate_is_what_was_done_in_the_time() {
        for (before, after, seconds, expected) in [
            (10, 30, 2.0, Some(10.0)),
            (10, 10, 1.0, Some(0.0)),
            (10, 9, 1.0, None),
            (0, 1, 0.0, None),
            (0, u64::MAX, 1.0, Some(18_446_744_073_709_551_615.0)),
        ] {
            assert_eq!(rate(before, after, seconds), expected);
        }
    }

    #[test]
    fn a_graph_is_as_high_as_its_largest_value_and_ends_on_the_right() {
        let mut history = History::default();
        assert_eq!(history.line(Graph::Done, 3), "   ");
        for (rate, waiting) in [(None, 0), (Some(0.0), 1), (Some(0.1), 4), (Some(40.0), 8), (Some(80.0), 3)] {
            history.add(rate, waiting);
        }
        assert_eq!(history.line(Graph::Done, 6), "   ▁▄█");
        assert_eq!(history.line(Graph::Done, 2), "▄█");
        assert_eq!(history.line(Graph::Waiting, 7), "   ▁▄█▃");
        assert_eq!(history.line(Graph::Waiting, 0), "");
        history.add(Some(f64::MAX), u64::MAX);
        assert_eq!((history.line(Graph::Done, 2), history.line(Graph::Waiting, 1)), ("▁█".into(), "█".into()));
    }

    #[test]
    fn old_values_are_forgotten() {
        let mut history = History::default();
        for value in 0..2 * POINTS_MAX as u64 {
            history.add(Some(1.0), value);
        }
        let values = history.values(Graph::Waiting, usize::MAX);
        assert_eq!((values.len(), values[0]), (POINTS_MAX, 10 * POINTS_MAX as u64));
    }
}
