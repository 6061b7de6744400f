//! How things look, with colour or without. Bold, dim and reversed are no colours.

use ratatui::style::{Color, Modifier, Style};

/// How the parts look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Theme {
    pub(super) heading: Style,
    /// The heading of the column that rows are sorted by.
    pub(super) sorted_heading: Style,
    /// What is wrong, and what is not quite right.
    pub(super) alarm: Style,
    pub(super) warning: Style,
    pub(super) graph: Style,
}

impl Theme {
    pub(super) fn new(colour: bool) -> Self {
        let heading = Style::new().add_modifier(Modifier::REVERSED);
        let coloured = |of| if colour { Style::new().fg(of) } else { Style::new() };
        Self {
            heading,
            sorted_heading: heading.add_modifier(Modifier::BOLD),
            alarm: coloured(Color::Red),
            warning: coloured(Color::Yellow),
            graph: coloured(Color::Cyan),
        }
    }
}

pub(super) fn bold() -> Style {
    Style::new().add_modifier(Modifier::BOLD)
}

pub(super) fn dim() -> Style {
    Style::new().add_modifier(Modifier::DIM)
}
