//! The figures of a process that the client libraries of Prometheus report: its processor time, its memory and its
//! descriptors. On systems without `/proc` only the limit of descriptors is known.

use std::fs;

use rustix::process::{Resource, getrlimit};

use super::text::{Kind, Number, Text};

/// Figures of this process. A figure that the system does not report is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::monitor) struct Process {
    cpu_us: Option<u64>,
    resident_bytes: Option<u64>,
    virtual_bytes: Option<u64>,
    open_fds: Option<u64>,
    max_fds: Option<u64>,
    start_us: Option<u64>,
}

impl Process {
    /// Reads the figures.
    pub(in crate::monitor) fn read() -> Self {
        let max_fds = getrlimit(Resource::Nofile).current;
        let ticks = rustix::param::clock_ticks_per_second();
        let page_bytes = rustix::param::page_size() as u64;
        let stat = fs::read_to_string("/proc/self/stat").ok();
        let boot = fs::read_to_string("/proc/stat").ok();
        let fds = fs::read_dir("/proc/self/fd").ok();
        Self {
            // The folder itself was open while it was read.
            open_fds: fds.map(|fds| fds.count().saturating_sub(1) as u64),
            max_fds,
            ..Self::of(stat.as_deref(), boot.as_deref(), ticks, page_bytes).unwrap_or_default()
        }
    }

    /// Reads the lines of `/proc/self/stat` and `/proc/stat` (see proc(5)).
    fn of(stat: Option<&str>, boot: Option<&str>, ticks: u64, page_bytes: u64) -> Option<Self> {
        // The program's name stands in brackets and may contain any other; the fields after it begin with the third.
        let (_, fields) = stat?.rsplit_once(')')?;
        let field = |number: usize| fields.split_whitespace().nth(number - 3)?.parse::<u64>().ok();
        let us = |count: u64| Some(count.checked_mul(1_000_000)? / ticks.max(1));
        let boot_seconds =
            boot.and_then(|boot| boot.lines().find_map(|line| line.strip_prefix("btime ")?.parse::<u64>().ok()));
        Some(Self {
            cpu_us: field(14).zip(field(15)).and_then(|(user, system)| us(user + system)),
            virtual_bytes: field(23),
            resident_bytes: field(24).map(|pages| pages * page_bytes),
            start_us: boot_seconds.zip(field(22)).and_then(|(boot, ticks)| Some(boot * 1_000_000 + us(ticks)?)),
            ..Self::default()
        })
    }

    pub(super) fn put(&self, text: &mut Text) {
        use Kind::{Counter, Gauge};
        use Number::{Count, Us};

        text.of_server(None);
        for (name, kind, help, number) in [
            ("process_cpu_seconds", Counter, "Processor time that the process has used.", self.cpu_us.map(Us)),
            (
                "process_resident_memory_bytes",
                Gauge,
                "Memory of the process that is in RAM.",
                self.resident_bytes.map(Count),
            ),
            ("process_virtual_memory_bytes", Gauge, "Address space of the process.", self.virtual_bytes.map(Count)),
            ("process_open_fds", Gauge, "Open descriptors.", self.open_fds.map(Count)),
            ("process_max_fds", Gauge, "Limit of open descriptors.", self.max_fds.map(Count)),
            ("process_start_time_seconds", Gauge, "When the process started, since 1970.", self.start_us.map(Us)),
        ] {
            text.begin(name, kind, help);
            if let Some(number) = number {
                text.put(&[], number);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::text::Format;
    use super::*;

    #[test]
    fn a_line_of_proc_is_read_whatever_the_programs_name_is() {
        let stat =
            "7 (a) b (c)) S 1 7 7 0 -1 4194560 1 0 0 0 250 50 0 0 20 0 9 0 1000 8192 3 18446744073709551615 1 1 0";
        let process = Process::of(Some(stat), Some("cpu 1 2\nbtime 1700000000\n"), 100, 4_096).unwrap();
        let expected = Process {
            cpu_us: Some(3_000_000),
            resident_bytes: Some(12_288),
            virtual_bytes: Some(8_192),
            start_us: Some(1_700_000_010_000_000),
            open_fds: None,
            max_fds: None,
        };
        assert_eq!(process, expected);
        assert_eq!(Process::of(Some(""), None, 100, 1), None);
        assert_eq!(Process::of(Some("1 (a) S"), None, 100, 1), Some(Process::default()));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_all_of_them() {
        let mut text = Text::new(Format::Prometheus);
        Process::read().put(&mut text);
        let text = text.end();
        assert_eq!(text.lines().filter(|line| line.starts_with("process_")).count(), 6, "{text}");
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let mut text = Text::new(Format::OpenMetrics);
        Process { max_fds: Some(1), ..Process::default() }.put(&mut text);
        assert!(text.end().contains("process_max_fds 1\n# EOF\n"));
    }
}
