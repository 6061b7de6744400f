//! Keeps the types for which the bridge is a worker of the local server, and builds the lines that add and withdraw
//! types.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use deputy::limits::TYPES_PER_CONNECTION_MAX;

use super::{After, Effect};
use crate::wire::{self, Conn, Role};

/// The most types that a connection may have.
pub(super) const TYPES_MAX: usize = TYPES_PER_CONNECTION_MAX;
/// The most jobs that a connection may hold.
const MAX_JOBS: u32 = 65_535;
/// The maximum length of a line that names types, if the server accepts such a line.
pub(super) const LINE_BYTES: usize = 16 << 10;
/// Bytes of such a line without the types.
const LINE_FIXED_BYTES: usize = 96;

/// The roles, with the connection of each.
const ROLES: [(Role, Conn); 2] = [(Role::Spare, Conn::Main), (Role::Durable, Conn::Durable)];

/// The types for which the bridge is a worker.
#[derive(Debug, Default)]
pub(super) struct Registration {
    spare: BTreeSet<Arc<str>>,
    durable: BTreeSet<Arc<str>>,
    /// How many of the bridge's connections the server may count as workers of a type.
    counted: HashMap<Arc<str>, u64>,
}

impl Registration {
    /// Returns how often the server may count the bridge as a worker of a type: once while the bridge is a spare
    /// worker, and until the server has read that it no longer is. The server counts workers for durable jobs
    /// separately.
    pub(super) fn counted(&self, type_name: &str) -> u64 {
        self.counted.get(type_name).copied().unwrap_or(0)
    }

    /// Returns the number of types for which the bridge is a spare worker, and a worker for durable jobs.
    pub(super) fn sizes(&self) -> (usize, usize) {
        (self.spare.len(), self.durable.len())
    }

    /// Sets the types of a role, and sends the lines for types that were added or removed.
    pub(super) fn set(&mut self, role: Role, wanted: &BTreeSet<Arc<str>>, max_line: usize, effects: &mut Vec<Effect>) {
        let (_, conn) = ROLES.into_iter().find(|(other, _)| *other == role).expect("both are listed");
        let known = match role {
            Role::Spare => &mut self.spare,
            Role::Durable => &mut self.durable,
        };
        let gone: Vec<Arc<str>> = known.difference(wanted).cloned().collect();
        let come: Vec<Arc<str>> = wanted.difference(known).cloned().collect();
        for part in in_lines(&gone, max_line) {
            effects.push(Effect::Line(conn, wire::cant_do(part.iter().map(|name| &**name))));
        }
        for type_name in gone {
            known.remove(&type_name);
            if role == Role::Spare {
                effects.push(Effect::AfterRead(conn, After::Withdrawn { type_name }));
            }
        }
        for part in in_lines(&come, max_line) {
            effects.push(Effect::Line(conn, wire::can_do(role, part.iter().map(|name| &**name), MAX_JOBS)));
        }
        for type_name in come {
            if role == Role::Spare {
                *self.counted.entry(Arc::clone(&type_name)).or_default() += 1;
            }
            known.insert(type_name);
        }
    }

    /// Called when the server has read that a type was withdrawn.
    pub(super) fn on_withdrawn(&mut self, type_name: &str) {
        if let Some(count) = self.counted.get_mut(type_name) {
            *count -= 1;
            if *count == 0 {
                self.counted.remove(type_name);
            }
        }
    }
}

/// Cuts a list of types into parts that fit a line.
fn in_lines(types: &[Arc<str>], max_line: usize) -> Vec<&[Arc<str>]> {
    let mut parts = Vec::new();
    let mut rest = types;
    while !rest.is_empty() {
        let (part, after) = rest.split_at(fitting(rest, max_line));
        parts.push(part);
        rest = after;
    }
    parts
}

/// Returns how many of these types fit a line; at least one.
pub(super) fn fitting(types: &[Arc<str>], max_line: usize) -> usize {
    let mut left = LINE_BYTES.min(max_line).saturating_sub(LINE_FIXED_BYTES);
    let fits = |type_name: &Arc<str>| {
        let bytes = wire::quoted(type_name).len() + 1;
        left.checked_sub(bytes).inspect(|rest| left = *rest).is_some()
    };
    types
        .iter()
        .map_while({
            let mut fits = fits;
            move |type_name| fits(type_name).then_some(())
        })
        .count()
        .max(usize::from(!types.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn types(names: &[&str]) -> BTreeSet<Arc<str>> {
        names.iter().map(|&name| name.into()).collect()
    }

    fn lines(effects: &[Effect]) -> Vec<(Conn, String)> {
        let text = |line: &Vec<u8>| String::from_utf8(line.clone()).unwrap().trim_end().to_owned();
        effects
            .iter()
            .filter_map(|effect| if let Effect::Line(conn, line) = effect { Some((*conn, text(line))) } else { None })
            .collect()
    }

    #[test]
    fn only_changes_are_sent_and_a_type_counts_until_the_server_has_read_that_it_went() {
        let mut registration = Registration::default();
        let mut effects = Vec::new();
        registration.set(Role::Spare, &types(&["a", "b"]), 1_000, &mut effects);
        registration.set(Role::Durable, &types(&["b"]), 1_000, &mut effects);
        assert_eq!(
            lines(&effects),
            [
                (
                    Conn::Main,
                    r#"{"cmd":"can_do","types":["a","b"],"max_jobs":65535,"spare":true,"ref":true}"#.to_owned()
                ),
                (
                    Conn::Durable,
                    r#"{"cmd":"can_do","types":["b"],"max_jobs":65535,"durable":true,"ref":true}"#.to_owned()
                ),
            ]
        );
        assert_eq!(["a", "b", "c"].map(|name| registration.counted(name)), [1, 1, 0]);
        effects.clear();
        registration.set(Role::Spare, &types(&["a"]), 1_000, &mut effects);
        assert_eq!(lines(&effects), [(Conn::Main, r#"{"cmd":"cant_do","types":["b"]}"#.to_owned())]);
        assert_eq!(registration.counted("b"), 1);
        registration.on_withdrawn("b");
        assert_eq!((registration.counted("b"), registration.sizes()), (0, (1, 1)));
        effects.clear();
        registration.set(Role::Spare, &types(&["a"]), 1_000, &mut effects);
        assert!(effects.is_empty());
    }

    #[test]
    fn a_long_list_is_cut_into_lines_that_the_server_takes() {
        let names: Vec<Arc<str>> = (0..100).map(|n| format!("type {n:03}").into()).collect();
        let parts = in_lines(&names, 200);
        assert!(parts.len() > 10);
        for part in &parts {
            assert!(wire::can_do(Role::Durable, part.iter().map(|name| &**name), MAX_JOBS).len() <= 200);
        }
        assert_eq!(parts.concat(), names);
        assert_eq!(in_lines(&names[..3], 64).len(), 3, "one at least");
        assert_eq!(in_lines(&[], 200), Vec::<&[Arc<str>]>::new());
    }
}
