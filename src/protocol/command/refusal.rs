//! Why a line is refused, and what that ends.

use std::borrow::Cow;

use super::Text;
use crate::protocol::Code;

/// Why a line is refused.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal<'a> {
    /// The code to answer with.
    pub code: Code,
    /// The reason, for people.
    pub text: Cow<'static, str>,
    /// The line's id, if one could be read.
    pub id: Option<&'a str>,
    /// Whether the line was a `do` whose id could be read: it is answered by `did`, not by `error`.
    pub is_do: bool,
    /// What ends with it.
    pub severity: Severity,
}

/// What a refusal ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The line alone.
    Line,
    /// The connection: nothing after the line can be read as commands.
    Connection,
}

/// The usual refusal of a line with members.
impl From<Text> for Refusal<'_> {
    fn from(text: Text) -> Self {
        Self::of_unfit(Code::BadRequest, text)
    }
}

impl Refusal<'_> {
    /// Refuses members that are not a valid command. The caller adds the id.
    #[cold]
    pub(super) fn of_unfit(code: Code, text: impl Into<Cow<'static, str>>) -> Self {
        Self { code, text: text.into(), id: None, is_do: false, severity: Severity::Line }
    }

    /// Refuses what has no members, so neither an id.
    pub(super) fn of_unreadable(code: Code, text: impl Into<Cow<'static, str>>, severity: Severity) -> Self {
        Self { code, text: text.into(), id: None, is_do: false, severity }
    }

    /// Returns the refusal of the same line if it is the first of its connection.
    pub(super) fn of_first(self, first: bool) -> Self {
        match self.code {
            Code::BadJson if first => Self { severity: Severity::Connection, ..self },
            _ => self,
        }
    }
}
