#!/usr/bin/env python3
"""Compares the processor time per job of two or more servers, such as builds before and after a change, within about 1%.

Usage: cargo bench --bench load --no-run && benches/pairs.py [-n JOBS] WORKLOAD SERVER SERVER...

All servers run on the first core, each with a load of its own on the second. Every 50 ms another load continues, and the
others are stopped, so that changes of the machine's speed meet all servers alike. WORKLOAD is baseline, many-types, slots or
unix. SERVER is a path; the word floor stands for the floor. Ratios are to the last server. Needed: Linux, two cores.
"""

import argparse
import glob
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time

SLICE_S, REST_S = 0.05, 0.004  # A rest lets a server handle what its load has sent before it was stopped.
WORKLOADS = {  # Options of the load, and jobs: some seconds for each server.
    "baseline": ("--submitters 4 --inflight 64 --workers 16", 600_000),
    "many-types": ("--submitters 8 --inflight 128 --workers 1000 --types 100", 600_000),
    "slots": ("--submitters 4 --inflight 256 --workers 16 --max-jobs 16", 4_000_000),
    "unix": ("--submitters 4 --inflight 64 --workers 16", 1_000_000),
}


def newest_load():
    found = [path for path in glob.glob("target/release/deps/load-*") if "." not in os.path.basename(path)]
    if not found:
        sys.exit("pairs.py finds no load test: run `cargo bench --bench load --no-run` at the top of the project")
    return os.path.abspath(max(found, key=os.path.getmtime))


class Pair:
    """A server and its load."""

    def __init__(self, server, workload, jobs, cores, folder, number):
        self.name = server
        options, usual = WORKLOADS[workload]
        self.jobs = jobs or usual
        load = [newest_load(), "--bench", "--json", "--late", "600", "--jobs", str(self.jobs), *options.split()]
        unix = workload == "unix"
        self.server = None
        if server == "floor":
            load += ["--server", "floor", "--pin"] + ["--unix"] * unix
        else:
            path = f"{folder}/{number}"
            command = [server, "--threads", "1", "-h", "127.0.0.1", "-p", "0", "-s", path]
            self.server = subprocess.Popen(
                command, stderr=subprocess.PIPE, text=True, preexec_fn=lambda: os.sched_setaffinity(0, cores[:1])
            )
            address = None
            while not address:
                line = self.server.stderr.readline()
                if not line:
                    sys.exit(f"{server} did not start")
                address = re.search(r"listening on (127\.0\.0\.1:\d+)", line)
            load += ["--addr", f"unix:{path}" if unix else address[1], "--pid", str(self.server.pid)]
            while unix and not os.path.exists(path):
                time.sleep(0.01)
        of_load = cores[1:2] if self.server else cores  # The load with a floor divides the cores itself.
        self.load = subprocess.Popen(
            load, stdout=subprocess.PIPE, text=True, start_new_session=True,
            preexec_fn=lambda: os.sched_setaffinity(0, of_load),
        )
        time.sleep(SLICE_S)
        self.stop()

    def stop(self):
        self.load.send_signal(signal.SIGSTOP)
        time.sleep(REST_S)

    def run(self):
        """Lets the load continue for a while. Returns whether it goes on after that."""
        self.load.send_signal(signal.SIGCONT)
        time.sleep(SLICE_S)
        if self.load.poll() is not None:
            return False
        self.stop()
        return True

    def us_per_job(self):
        output = self.load.stdout.read()
        if self.load.returncode:
            sys.exit(f"the load of {self.name} failed")
        return json.loads(output.splitlines()[0])["server_cpu_us_per_job"]

    def end(self):
        """Leaves no process behind, wherever the comparison ended. The floor is in the session of its load."""
        if self.server:
            self.server.kill()
            self.server.wait()
        try:
            os.killpg(self.load.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # They have ended.
        self.load.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, metavar="JOBS", help="jobs for each server (some seconds' work)")
    parser.add_argument("workload", choices=WORKLOADS)
    parser.add_argument("servers", nargs="+", metavar="SERVER")
    given = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    if len(given.servers) < 2 or len(cores) < 2:
        parser.error("two servers and two cores are needed")
    for server in given.servers:
        if server != "floor" and not os.access(server, os.X_OK):
            parser.error(f"{server} is no program; build one with `cargo build --release --bin deputy-server`")
    pairs = []
    with tempfile.TemporaryDirectory() as folder:
        try:
            for number, server in enumerate(given.servers):
                pairs.append(Pair(server, given.workload, given.n, cores, folder, number))
            left = list(pairs)
            while left:
                random.shuffle(left)
                left = [pair for pair in left if pair.run()]
            figures = [pair.us_per_job() for pair in pairs]
        finally:
            for pair in pairs:
                pair.end()
    for name, figure in zip(given.servers, figures):
        print(f"{figure:8.3f} us per job, {figure / figures[-1]:.3f} x the last: {name}")


main()
