//! The commands of docs/scale-out.md, "A cluster on one laptop", as they stand there. Only three things differ: nothing is
//! installed, ports and the folder are the test's own, and what `sleep` is for is waited for.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

use crate::cluster::{BRIDGE, nats_program};
use crate::process::SERVER;
use crate::process::port::Port;
use crate::wait::until;

const PAGE: &str = include_str!("../../docs/scale-out.md");

/// A shell, and all that it starts. They are killed when it is dropped.
struct Shell {
    child: Child,
    folder: TempDir,
    blocks: usize,
}

impl Shell {
    /// Starts a shell that finds these programs first.
    fn start(programs: &[(&str, PathBuf)]) -> Self {
        let folder = TempDir::new().unwrap();
        let bin = folder.path().join("bin");
        std::fs::create_dir(&bin).unwrap();
        for (name, path) in programs {
            symlink(path, bin.join(name)).unwrap();
        }
        let file = |name: &str| File::create(folder.path().join(name)).unwrap();
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
        let mut command = Command::new("sh");
        command.arg("-s").env("PATH", path).stdin(Stdio::piped()).stdout(file("out")).stderr(file("log"));
        let child = command.process_group(0).spawn().unwrap();
        Self { child, folder, blocks: 0 }
    }

    fn read(&self, name: &str) -> String {
        let mut text = String::new();
        File::open(self.folder.path().join(name)).unwrap().read_to_string(&mut text).unwrap();
        text
    }

    /// Runs a block, and waits for its end. Returns what all blocks have printed.
    fn run(&mut self, block: &str) -> String {
        self.blocks += 1;
        let end = format!("end of block {}\n", self.blocks);
        let stdin = self.child.stdin.as_mut().unwrap();
        write!(stdin, "{block}\nprintf '%s\\n' '{}'\n", end.trim_end()).unwrap();
        let mut printed = String::new();
        self.until_or_show(&end, || {
            printed = self.read("out");
            printed.contains(&end)
        });
        printed.split_inclusive('\n').filter(|line| !line.starts_with("end of block ")).collect()
    }

    /// Waits until the programs have logged this.
    fn wait_for_log(&self, text: &str) {
        self.until_or_show(text, || self.read("log").contains(text));
    }

    fn until_or_show(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let log = self.folder.path().join("log");
        until(&format!("{what}; see {}", log.display()), || {
            let log = self.read("log");
            let wrong = ["not found", "unrecognized", "unexpected"].map(|word| log.contains(word));
            assert_eq!(wrong, [false; 3], "{log}");
            is_so().then_some(())
        });
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}

/// Returns the shell blocks of the section, and the text after each.
fn blocks() -> Vec<(&'static str, &'static str)> {
    let (_, section) = PAGE.split_once("\n## A cluster on one laptop\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    section.split("```sh\n").skip(1).map(|part| part.split_once("```").unwrap()).collect()
}

/// Returns a block with the test's own ports and folder, without the installation and without the pauses.
fn adapted(block: &str, ports: &[Port; 3], folder: &Path) -> String {
    let [nats, one, two] = ports.each_ref().map(Port::number);
    let lines = block.lines().filter(|line| !line.starts_with("cargo install ")).map(|line| {
        let line = line.split_once(" & sleep ").map_or(line.to_owned(), |(start, _)| format!("{start} &"));
        let line = line.replace("11746", &one).replace("11747", &two);
        let line = line.replace("nats-server ", &format!("nats-server -a 127.0.0.1 -p {nats} "));
        let line = line.replace("deputy-bridge ", &format!("deputy-bridge --nats nats://127.0.0.1:{nats} "));
        line.replace("/tmp/nats", folder.join("nats").to_str().unwrap())
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_cluster_of_the_page_runs_as_the_page_says() {
    let Some(nats) = nats_program() else { return };
    let own = [("deputy-server", SERVER), ("deputy-bridge", BRIDGE), ("deputy", env!("CARGO_BIN_EXE_deputy"))];
    let own = own.map(|(name, path)| (name, PathBuf::from(path)));
    let mut shell = Shell::start(&[&own[..], &[("nats-server", nats)]].concat());
    let (ports, folder) = ([(); 3].map(|()| Port::keep()), shell.folder.path().to_owned());
    let [(cluster, _), (job, says), (durable, _)] = blocks()[..] else { panic!("three blocks") };
    shell.run(&adapted(cluster, &ports, &folder));
    for node in ["one", "two"] {
        shell.wait_for_log(&format!("node {node} is there"));
    }
    let (_, printed) = says.split_once("The client prints `").unwrap();
    let (printed, _) = printed.split_once('`').unwrap();
    assert_eq!(shell.run(&adapted(job, &ports, &folder)), format!("{printed}\n"));
    // Without a terminal it does not say `stored`.
    assert_eq!(shell.run(&adapted(durable, &ports, &folder)), format!("{printed}\nLATER\n"));
}
