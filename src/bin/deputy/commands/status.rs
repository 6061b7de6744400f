//! `deputy status`: prints the server's state once. Everything but [`run`] and [`query`] is pure.

use std::io::Write;

use deputy::client::{Client, Error, Metrics, TypeMetrics};
use deputy::monitor::state::{memory_percent, memory_warning};
use ratatui::crossterm::terminal;

use crate::cli::parse::Args;
use crate::cli::{Choices, Count, Opt, Positional};
use crate::error::{EXIT_CODES, Outcome, TIMED_OUT};
use crate::format::{age, count, counted, cut, left, right, size, width};
use crate::out::{Out, Style, one_line};
use crate::server::{
    SERVER, TIMEOUT, check_types, connect, failure, is_cut, is_in_use, limited, mark, open_jobs, quantiles,
    time_or_dash, uptime_ms,
};
use crate::subcommand::{Example, HELP, Run, Subcommand};
use crate::time_limit::TimeLimit;

static JSON: Opt = Opt::flag("--json").help("print all metrics as the server reports them, a JSON object");

pub(crate) static STATUS: Subcommand = Subcommand {
    name: "status",
    summary: "show the server's state",
    positionals: &[Positional {
        name: "TYPE",
        help: "show only these types; by default all, those with the most jobs first",
        count: Count::AnyNumber,
        choices: Choices::Any,
    }],
    options: &[&JSON, &TIMEOUT, &SERVER, &HELP],
    about: &[
        "Shows the state of the server and a table of its types: waiting and running jobs, workers and their free \
         slots, and the jobs done since the type last had no worker. OLDEST is the age of the oldest waiting job, \
         LONGEST the time since the oldest running job was sent to its worker.",
        "WAIT-P50 and WAIT-P99 are the median and the 99th percentile of the time that jobs waited for a worker, \
         RUN-P50 and RUN-P99 of the time that workers held them, since the server started. The values are estimates \
         between the steps 1, 2.5, 5 and 10.",
        "A remark after the row shows that jobs wait and no worker does the type, that workers were lost while they \
         held its jobs, that slots are spent (taken by jobs that have ended, because the worker has not answered), \
         that jobs are delayed, or that a bridge has passed running jobs on to other machines. A terminal shows only \
         as many types and columns as fit.",
    ],
    examples: &[
        Example { what: "How is the server doing?", line: "deputy status" },
        Example { what: "All types, also those that do not fit a screen", line: "deputy status | less" },
        Example { what: "The number of waiting jobs, for a script", line: "deputy status --json | jq .jobs_waiting" },
    ],
    exit_codes: EXIT_CODES,
    on_usage_error: None,
    run: Run::Args(run),
};

fn run(args: &Args) -> Outcome {
    check_types(args.positionals())?;
    let limit = TimeLimit::start(args.seconds(&TIMEOUT))?;
    let client = connect(args, limited(args))?;
    let mut out = Out::stdout();
    if args.has(&JSON) {
        let raw = query_raw(&client, args.positionals()).map_err(|error| failure(&client, error))?;
        limit.enter_output(TIMED_OUT);
        return Ok(writeln!(out, "{raw}")?);
    }
    let metrics = query(&client, args.positionals()).map_err(|error| failure(&client, error))?;
    limit.enter_output(TIMED_OUT);
    let room = if out.is_terminal() { terminal::size().ok() } else { None };
    let screen = StatusView {
        url: &client.url().to_string(),
        up_ms: uptime_ms(&metrics),
        columns: room.map_or(usize::MAX, |(columns, _)| columns.into()),
        rows: room.map_or(usize::MAX, |(_, rows)| rows.into()),
        named_types: !args.positionals().is_empty(),
    };
    for line in screen.lines(&metrics) {
        match line.style {
            Some(style) => writeln!(out, "{}", out.styled(style, &line.text).into_owned())?,
            None => writeln!(out, "{}", line.text)?,
        }
    }
    Ok(())
}

/// Queries all types in use, or those that were named, with their histograms.
fn query(client: &Client, types: &[String]) -> Result<Metrics, Error> {
    let mut metrics =
        if types.is_empty() { client.metrics_in_full()? } else { client.metrics_in_full_of(&names(types))? };
    if types.is_empty() {
        metrics.types.retain(is_in_use);
    }
    Ok(metrics)
}

/// Returns the server's answer unchanged.
fn query_raw(client: &Client, types: &[String]) -> Result<String, Error> {
    let metrics = if types.is_empty() { client.metrics_by_type()? } else { client.metrics_of(&names(types))? };
    Ok(metrics.raw)
}

fn names(types: &[String]) -> Vec<&str> {
    types.iter().map(String::as_str).collect()
}

/// Columns between two columns of the table.
const GAP: usize = 2;
/// The fewest columns of a name, even on a very narrow terminal.
const NAME_MIN: usize = 8;
/// The columns that a name should have: columns of numbers are left out for them.
const NAME_FAIR: usize = 20;
/// The titles of the columns of numbers.
const TITLES: [&str; 11] = [
    "WAITING", "RUNNING", "WORKERS", "FREE", "DONE", "OLDEST", "LONGEST", "WAIT-P50", "WAIT-P99", "RUN-P50", "RUN-P99",
];
/// Columns that are left out on a narrow terminal, in the order in which they go.
const DISPENSABLE: [usize; 5] = [7, 9, 8, 10, 3];

/// A line, and the style of the line.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    style: Option<Style>,
    text: String,
}

/// The settings of the output besides the metrics, and the size of the terminal.
struct StatusView<'a> {
    url: &'a str,
    up_ms: u64,
    /// The columns of the terminal; `usize::MAX` without one.
    columns: usize,
    rows: usize,
    /// Whether types were named: then all of them are shown.
    named_types: bool,
}

impl StatusView<'_> {
    /// Returns the lines about the server, and the table of types.
    fn lines(&self, metrics: &Metrics) -> Vec<Line> {
        let mut lines = self.server(metrics);
        if metrics.types.is_empty() {
            lines.push(plain("No type has jobs or workers.".to_owned()));
            return lines;
        }
        let mut types: Vec<&TypeMetrics> = metrics.types.iter().collect();
        types.sort_by(|a, b| open_jobs(b).cmp(&open_jobs(a)).then_with(|| a.name.cmp(&b.name)));
        // Room for the heading, the last line, and the shell's prompt.
        let room = self.rows.saturating_sub(lines.len() + 3).max(1);
        let shown = if self.named_types || types.len() <= room { types.len() } else { room };
        lines.extend(self.table(&types[..shown]));
        if shown < types.len() {
            let more = counted((types.len() - shown) as u64, "more type");
            lines.push(dim(format!("and {more}: deputy status | less")));
        } else if is_cut(&metrics.types) && !self.named_types {
            let listed = metrics.types.iter().filter(|row| !row.has_figures).count() as u64;
            let text = match metrics.other_types.types.saturating_sub(listed) {
                0 => "The server has more types than it reports.".to_owned(),
                more => format!("and {} in use that the server does not report", counted(more, "more type")),
            };
            lines.push(dim(text));
        }
        lines
    }

    fn server(&self, metrics: &Metrics) -> Vec<Line> {
        let Metrics { jobs_waiting, jobs_running, jobs_done, jobs_failed, jobs_refused, .. } = *metrics;
        let some = |number: u64, text: String| if number == 0 { String::new() } else { text };
        let delayed = some(metrics.jobs_delayed, format!(", {} delayed", count(metrics.jobs_delayed)));
        let spent = some(metrics.slots_spent, format!(", {}", counted(metrics.slots_spent, "spent slot")));
        let stopping = if metrics.draining { ", stopping" } else { "" };
        let (up, threads) = (age(self.up_ms), counted(metrics.threads, "thread"));
        let version = one_line(&metrics.version);
        let full = memory_warning(metrics).map_or(String::new(), |warning| format!(": {warning}"));
        vec![
            Line {
                style: Some(if metrics.draining { Style::Yellow } else { Style::Bold }),
                text: format!("server   {}, version {version}, up for {up}, {threads}{stopping}", self.url),
            },
            plain(format!(
                "jobs     {} waiting{delayed}, {} running, {} done, {} failed, {} refused",
                count(jobs_waiting),
                count(jobs_running),
                count(jobs_done),
                count(jobs_failed),
                count(jobs_refused)
            )),
            plain(format!(
                "workers  {}, {} idle{spent}; {}",
                count(metrics.workers),
                count(metrics.workers_idle),
                counted(metrics.connections_open, "connection")
            )),
            Line {
                style: memory_warning(metrics).map(|_| Style::Red),
                text: format!(
                    "memory   {} of {} ({} %){full}",
                    size(metrics.bytes_held),
                    size(metrics.bytes_max),
                    memory_percent(metrics)
                ),
            },
            plain(String::new()),
        ]
    }

    fn table(&self, types: &[&TypeMetrics]) -> Vec<Line> {
        let rows: Vec<_> = types.iter().map(|row| (one_line(&row.name), numbers(row), mark(row))).collect();
        let mut widths = TITLES.map(str::len);
        for (_, numbers, _) in &rows {
            for (width, number) in widths.iter_mut().zip(numbers) {
                *width = (*width).max(number.len());
            }
        }
        let marks = rows.iter().filter_map(|row| row.2.as_ref()).map(|mark| GAP + mark.text.len()).max().unwrap_or(0);
        let widest = rows.iter().map(|row| width(&row.0)).max().unwrap_or(0).max("TYPE".len());
        let mut shown = [true; TITLES.len()];
        let taken = |shown: &[bool]| -> usize {
            shown.iter().zip(widths).filter(|(shown, _)| **shown).map(|(_, width)| GAP + width).sum()
        };
        for column in DISPENSABLE {
            shown[column] = taken(&shown) + marks + widest.min(NAME_FAIR) <= self.columns;
        }
        let name = widest.min(self.columns.saturating_sub(taken(&shown) + marks).max(NAME_MIN));
        let line = |first: &str, numbers: &[String], mark: &str| {
            let numbers = numbers.iter().zip(widths).zip(shown).filter(|(_, shown)| *shown);
            let numbers = numbers.map(|((number, width), _)| right(number, width + GAP));
            let text = left(first, name) + &numbers.collect::<String>() + mark;
            cut(text.trim_end(), self.columns)
        };
        let heading = line("TYPE", &TITLES.map(str::to_owned), "");
        let mut lines = vec![Line { style: Some(Style::Bold), text: heading }];
        lines.extend(rows.iter().map(|(first, numbers, mark)| Line {
            style: mark.as_ref().filter(|mark| mark.is_alarm).map(|_| Style::Red),
            text: line(first, numbers, &mark.as_ref().map_or(String::new(), |mark| " ".repeat(GAP) + &mark.text)),
        }));
        lines
    }
}

/// The numbers of a row, in the order of [`TITLES`].
fn numbers(row: &TypeMetrics) -> [String; 11] {
    let oldest = if row.waiting == 0 { "-".to_owned() } else { age(row.oldest_ms) };
    let longest = if row.oldest_running_ms == 0 { "-".to_owned() } else { age(row.oldest_running_ms) };
    let [wait_p50, wait_p99, run_p50, run_p99] = quantiles(&row.wait, &row.run).map(time_or_dash);
    let counts = [row.waiting, row.running, row.workers, row.free, row.done].map(count);
    let [waiting, running, workers, free, done] = counts;
    [waiting, running, workers, free, done, oldest, longest, wait_p50, wait_p99, run_p50, run_p99]
}

fn plain(text: String) -> Line {
    Line { style: None, text }
}

fn dim(text: String) -> Line {
    Line { style: Some(Style::Dim), text }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use deputy::metrics::BUCKETS;

    use super::*;
    use crate::server::tests::metrics;

    fn screen(columns: usize, rows: usize) -> StatusView<'static> {
        StatusView { url: "tcp://127.0.0.1:11746", up_ms: 187_200_000, columns, rows, named_types: false }
    }

    fn texts(lines: &[Line]) -> Vec<&str> {
        lines.iter().map(|line| line.text.as_str()).collect()
    }

    fn busy() -> Value {
        json!({
            "jobs_done": 56_789, "jobs_waiting": 1_237, "jobs_running": 4, "workers": 3, "workers_idle": 2,
            "connections_open": 12, "bytes_held": 12_900_000, "bytes_max": 512 << 20, "threads": 4, "version": "0.1.0",
            "types": {
                "写真": { "waiting": 0, "running": 0, "workers": 2, "free": 16, "done": 7, "oldest_ms": 0, "lost": 1, "last_lost_ms": 600_001 },
                "re\u{1b}\nsize": { "waiting": 3, "running": 0, "workers": 0, "done": 0, "oldest_ms": 449,
                    "suspects": 1, "lost": 2, "last_lost_ms": 900_000 },
                "thumbnail": { "waiting": 1_234, "running": 4, "workers": 1, "done": 56_782, "oldest_ms": 200_000,
                    "lost": 1, "last_lost_ms": 600_000, "oldest_running_ms": 310_000,
                    "wait": { "sum_us": 1_000, "counts": counts(&[(1, 98), (5, 2)]) } },
            }
        })
    }

    /// Returns the counts of a histogram that is empty except for these buckets.
    fn counts(some: &[(usize, u64)]) -> [u64; BUCKETS] {
        let mut counts = [0; BUCKETS];
        for &(bucket, count) in some {
            counts[bucket] = count;
        }
        counts
    }

    #[test]
    fn the_type_with_most_jobs_comes_first_and_one_without_workers_is_marked() {
        let lines = screen(usize::MAX, usize::MAX).lines(&metrics(busy()));
        let expected = [
            "server   tcp://127.0.0.1:11746, version 0.1.0, up for 2 d 4 h, 4 threads",
            "jobs     1,237 waiting, 4 running, 56,789 done, 0 failed, 0 refused",
            "workers  3, 2 idle; 12 connections",
            "memory   12.3 MiB of 512 MiB (2 %)",
            "",
            "TYPE            WAITING  RUNNING  WORKERS  FREE    DONE      OLDEST     LONGEST  WAIT-P50  WAIT-P99  RUN-P50  RUN-P99",
            "thumbnail         1,234        4        1     0  56,782  3 min 20 s  5 min 10 s   0.18 ms    3.8 ms        -        -  lost 1 worker",
            "re\\u{1b}\\nsize        3        0        0     0       0       0.4 s           -         -         -        -        -  no worker, lost 2 workers",
            "写真                  0        0        2    16       7           -           -         -         -        -        -",
        ];
        assert_eq!(texts(&lines), expected);
        let styles: Vec<_> = lines.iter().map(|line| line.style).collect();
        let none = None;
        assert_eq!(
            styles,
            [Some(Style::Bold), none, none, none, none, Some(Style::Bold), Some(Style::Red), Some(Style::Red), none]
        );
    }

    #[test]
    fn a_terminal_gets_no_more_than_it_has_room_for() {
        let mut many = busy();
        for number in 0..990 {
            many["types"][format!("type-{number}")] = json!({ "waiting": 1 });
        }
        let many = metrics(many);
        for (columns, rows) in [(80, 24), (60, 12), (30, 9), (20, 10), (1, 1)] {
            let lines = screen(columns, rows).lines(&many);
            assert!(lines.len() < rows.max(9), "{} lines in {rows}", lines.len());
            let table = &lines[5..lines.len() - 1];
            assert!(table.iter().all(|line| width(&line.text) <= columns), "{table:?}");
            assert!(lines.last().unwrap().text.ends_with("more types: deputy status | less"));
        }
        let all = StatusView { named_types: true, ..screen(80, 24) }.lines(&many);
        assert_eq!(all.len(), 6 + 993);
    }

    #[test]
    fn a_narrow_terminal_leaves_out_quantiles_the_medians_first_and_then_free_slots() {
        let busy = metrics(busy());
        let dispensable = |columns| {
            let lines = screen(columns, 24).lines(&busy);
            let titles: Vec<String> = lines[5]
                .text
                .split_whitespace()
                .filter(|title| title.contains("-P") || *title == "FREE")
                .map(str::to_owned)
                .collect();
            titles.join(" ")
        };
        assert_eq!(dispensable(166), "FREE WAIT-P50 WAIT-P99 RUN-P50 RUN-P99");
        assert_eq!(dispensable(136), "FREE WAIT-P99 RUN-P50 RUN-P99");
        assert_eq!(dispensable(126), "FREE WAIT-P99 RUN-P99");
        assert_eq!(dispensable(116), "FREE RUN-P99");
        assert_eq!(dispensable(106), "FREE");
        assert_eq!(dispensable(80), "");
    }

    #[test]
    fn delayed_jobs_and_spent_slots_are_shown_if_there_are_any() {
        let types = json!({ "a": { "workers": 1, "waiting": 3, "spent": 1 }, "b": { "delayed": 1_200 } });
        let members =
            json!({ "jobs_waiting": 3, "jobs_delayed": 1_200, "workers": 1, "slots_spent": 1, "types": types });
        let lines = screen(usize::MAX, usize::MAX).lines(&metrics(members));
        assert_eq!(lines[1].text, "jobs     3 waiting, 1,200 delayed, 0 running, 0 done, 0 failed, 0 refused");
        assert_eq!(lines[2].text, "workers  1, 0 idle, 1 spent slot; 0 connections");
        assert!(lines[6].text.ends_with("  1 spent slot") && lines[6].style == Some(Style::Red), "{lines:?}");
        assert!(lines[7].text.ends_with("  1,200 delayed") && lines[7].style.is_none(), "{lines:?}");
    }

    #[test]
    fn a_table_that_the_server_cut_says_so() {
        let types: serde_json::Map<_, _> = (0..1_000).map(|n| (n.to_string(), json!({ "waiting": 1 }))).collect();
        for (others, text) in [
            (json!({}), "The server has more types than it reports."),
            (json!({ "types": 1_904 }), "and 904 more types in use that the server does not report"),
        ] {
            let answer = metrics(json!({ "types": types, "other_types": others }));
            assert_eq!(screen(usize::MAX, usize::MAX).lines(&answer).last().unwrap().text, text);
        }
    }

    #[test]
    fn a_server_that_stops_or_is_full_or_idle_says_so() {
        let full = metrics(json!({ "draining": true, "bytes_held": 99, "bytes_max": 100, "threads": 1 }));
        let lines = screen(80, 24).lines(&full);
        assert!(lines[0].text.ends_with(", 1 thread, stopping") && lines[0].style == Some(Style::Yellow));
        assert!(lines[3].text.ends_with("99 B of 100 B (99 %): large jobs may be refused"), "{lines:?}");
        assert_eq!(lines[3].style, Some(Style::Red));
        assert_eq!(lines.last().unwrap().text, "No type has jobs or workers.");
    }
}
