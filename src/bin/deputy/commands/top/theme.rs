//! Colours and other emphasis on the screen of `deputy top`.

use ratatui::style::{Color, Modifier, Style};

/// The styles of the parts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Theme {
    pub(super) heading: Style,
    /// The heading of the sorted column.
    pub(super) sorted_heading: Style,
    /// The styles of problems and of warnings.
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
