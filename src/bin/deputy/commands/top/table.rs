//! The table of types as lines. Pure.

use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

use super::history::Graph;
use super::layout::{GAP, Widths};
use super::sort::{COLUMNS, Column, Row};
use super::state::State;
use super::theme::{Theme, dim};
use crate::commands::health::{NO_WORKER, lacks_workers, open_jobs};
use crate::format::{left, right, width};
use crate::out::one_line;

/// The heading, and the rows from the first that is shown, at most so many.
pub(super) fn lines(state: &State, columns: usize, room: usize, theme: &Theme) -> (Line<'static>, Vec<Line<'static>>) {
    let rows = state.rows();
    let names: Vec<String> = rows.iter().map(|row| one_line(&row.figures.name).into_owned()).collect();
    let widest_name = names.iter().map(|name| width(name)).max().unwrap_or(0);
    // The widest of all rows, and not of those that are shown: else columns would jump when they are scrolled.
    let widest = COLUMNS.map(|column| {
        let figures = rows.iter().map(|row| column.figure(row).len()).max().unwrap_or(0);
        // With the mark of the order.
        figures.max(column.title().len() + 1)
    });
    let widths = Widths::of(columns, widest_name, |column| widest[column as usize]);
    let shown = rows.iter().zip(&names).skip(state.first_row).take(room);
    let lines = shown.map(|(row, name)| line(state, row, name, &widths, theme)).collect();
    (heading(state, &widths, columns, theme), lines)
}

fn heading(state: &State, widths: &Widths, columns: usize, theme: &Theme) -> Line<'static> {
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
    for &(column, columns) in &widths.figures {
        let (name, style) = title(column);
        spans.push(Span::styled(right(&name, columns), style));
    }
    let taken: usize = spans.iter().map(Span::width).sum();
    let graph = if widths.graph > 0 { format!("{:GAP$}GRAPH: {}", "", state.graph.title()) } else { String::new() };
    spans.push(Span::styled(left(&graph, columns.saturating_sub(taken)), theme.heading));
    Line::from(spans)
}

fn line(state: &State, row: &Row<'_>, name: &str, widths: &Widths, theme: &Theme) -> Line<'static> {
    let is_idle = open_jobs(row.figures) == 0 && row.rate.unwrap_or(0.0) == 0.0;
    let style = match (lacks_workers(row.figures), is_idle) {
        (true, _) => theme.alarm,
        (false, true) => dim(),
        (false, false) => Style::new(),
    };
    let mut spans = vec![Span::styled(left(name, widths.name), style.add_modifier(Modifier::BOLD))];
    spans.extend(
        widths.figures.iter().map(|&(column, columns)| Span::styled(right(&column.figure(row), columns), style)),
    );
    if let (Some(history), columns @ GAP..) = (state.history(&row.figures.name), widths.graph) {
        spans.push(Span::raw(" ".repeat(GAP)));
        spans.push(if lacks_workers(row.figures) && state.graph == Graph::Done {
            Span::styled(NO_WORKER, style)
        } else {
            Span::styled(history.line(state.graph, columns - GAP), theme.graph)
        });
    }
    Line::from(spans)
}
