//! The contents of a metrics query.

use super::options::flag;
use super::{Text, TypeName, type_names};
use crate::protocol::members::{Members, Name};

/// The tables that a metrics query requests besides the totals. By default none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MetricsAsked<'a> {
    /// The table by type.
    pub types: TypesAsked<'a>,
    /// Whether the rows of that table have outcomes and histograms.
    pub histograms: bool,
    /// Whether a table by shard is requested.
    pub shards: bool,
}

/// The types of a metrics query.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum TypesAsked<'a> {
    /// No table.
    #[default]
    None,
    /// The busiest, at most [`crate::limits::TYPE_ROWS_MAX`].
    All,
    /// Only these, at most [`crate::limits::TYPES_PER_CONNECTION_MAX`].
    Named(Vec<TypeName<'a>>),
}

/// Decodes the members of a metrics query.
pub(super) fn metrics_asked<'a>(members: &Members<'a>) -> Result<MetricsAsked<'a>, Text> {
    Ok(MetricsAsked {
        types: types_asked(members)?,
        histograms: flag(members, Name::Histograms, "histograms must be true or false")?,
        shards: flag(members, Name::Shards, "shards must be true or false")?,
    })
}

fn types_asked<'a>(members: &Members<'a>) -> Result<TypesAsked<'a>, Text> {
    match members.get(Name::Types) {
        None | Some("false") => Ok(TypesAsked::None),
        Some("true") => Ok(TypesAsked::All),
        Some(raw) => type_names(raw)
            .map(TypesAsked::Named)
            .ok_or("types must be true, false or a list of at most 1024 different strings of 1 to 255 bytes"),
    }
}
