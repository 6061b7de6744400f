//! A control group that limits memory, of version 1 or 2, where this process may make one.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::programs::pass_over;

/// The folder in which groups are made, and the file that limits one.
const HIERARCHIES: [(&str, &str); 2] =
    [("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")];

/// Removed when it is dropped. Its processes must have ended before.
pub(crate) struct Cgroup(PathBuf);

impl Cgroup {
    /// Returns a new group whose processes may use this much memory together. Returns `None` and prints that the test is
    /// skipped if it cannot be made.
    pub(crate) fn new(memory_bytes: u64) -> Option<Self> {
        let make = |(hierarchy, limit): (&str, &str)| Self::make(Path::new(hierarchy), limit, memory_bytes);
        let made = HIERARCHIES.into_iter().find_map(make);
        if made.is_none() {
            pass_over("a memory cgroup cannot be made here");
        }
        made
    }

    fn make(hierarchy: &Path, limit: &str, memory_bytes: u64) -> Option<Self> {
        static GROUPS: AtomicU32 = AtomicU32::new(0);
        let number = GROUPS.fetch_add(1, Ordering::Relaxed);
        let folder = hierarchy.join(format!("deputy-test-{}-{number}", std::process::id()));
        // A folder outside such a hierarchy does not have this file, and is removed again.
        fs::create_dir(&folder).ok()?;
        let group = Self(folder);
        let limit = group.0.join(limit);
        (limit.exists() && fs::write(limit, memory_bytes.to_string()).is_ok()).then_some(group)
    }

    /// Returns a script that runs the command after it in the group.
    pub(crate) fn script(&self) -> String {
        format!(r#"echo $$ > {}/cgroup.procs && exec "$@""#, self.0.display())
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // Its processes may still be ending; a folder that is left behind does no harm.
        let _ = fs::remove_dir(&self.0);
    }
}
