#!/usr/bin/env python3
"""What a flood of HTTP requests costs jobs: jobs per second with it and without, in turns within one run.

Usage: cargo bench --bench load --no-run && benches/flood.py [/PATH[,/PATH...] ...]

One measurement per argument. Several paths in one are asked for at once, by as many connections each.

The server has one shard and the first core, so its HTTP thread takes its time from the shard. The load has the other
cores and is never the limit. So has the flood: 60 connections that ask without pause, with a lower priority than the
load. Needed: Linux, two cores. Who may set priorities (root) gets figures that other programs disturb little.
"""

import glob
import json
import os
import select
import signal
import socket
import statistics
import subprocess
import sys
import time
from multiprocessing import Process, Value

ROUNDS = 8
OFF_S, BURST_S, ON_S = 8, 4, 8  # A flood after a rest may take more at first. That time is shown by itself.
CONNECTIONS = 60
TYPES = 200  # That have figures of their own: so many have series by default.
SERVER, LOAD, FLOOD = -20, -20, 10  # Priorities, if they may be set.


def prepare(cores, priority):
    """Returns what a child does first."""

    def run():
        os.sched_setaffinity(0, cores)
        try:
            os.setpriority(os.PRIO_PROCESS, 0, priority)
        except PermissionError:
            os.setpriority(os.PRIO_PROCESS, 0, max(priority, 0))

    return run


def flood(address, paths, answers):
    """Keeps a request open on each connection, and counts the answers."""
    requests = [f"GET {path} HTTP/1.1\r\nHost: {address[0]}\r\n\r\n".encode() for path in paths.split(",")]
    poll, conns = select.epoll(), {}

    def connect(request):
        conn = socket.create_connection(address)
        conn.sendall(request)
        conn.setblocking(False)
        conns[conn.fileno()] = [conn, b"", 0, request]
        poll.register(conn.fileno(), select.EPOLLIN)

    for number in range(CONNECTIONS):
        connect(requests[number % len(requests)])
    while True:
        for number, _ in poll.poll():
            state = conns[number]
            data = state[0].recv(1 << 20)
            if not data:
                poll.unregister(number)
                conns.pop(number)[0].close()
                connect(state[3])
                continue
            if state[2] == 0:
                head, end, body = (state[1] + data).partition(b"\r\n\r\n")
                if not end:
                    state[1] += data
                    continue
                length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
                state[1], state[2], data = b"", int(length.split(b":")[1]), body
            state[2] -= len(data)
            if state[2] == 0:
                answers.value += 1
                state[0].sendall(state[3])


class Server:
    def __init__(self, cores):
        arguments = ["target/release/deputy-server", "-h", "127.0.0.1", "-p", "0", "--threads", "1", "--log-format", "json"]
        target = os.environ.get("CARGO_TARGET_DIR", "target")
        arguments[0] = f"{target}/release/deputy-server"
        self.process = subprocess.Popen(
            arguments + ["--http", "127.0.0.1:0"],
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=prepare(cores, SERVER),
        )
        found = {}
        while len(found) < 2:
            event = json.loads(self.process.stderr.readline())
            address = event.get("address") or event.get("addresses", [None])[0]
            host, port = address.rsplit(":", 1)
            found[event["event"]] = (host, int(port))
        self.jobs, self.http = found["listening"], found["http_listening"]
        self.asker = socket.create_connection(self.jobs).makefile("rw")
        for number in range(TYPES):
            self.asker.write(json.dumps({"cmd": "do", "id": number, "type": f"type {number}"}) + "\n")
        self.threads = {}
        for task in glob.glob(f"/proc/{self.process.pid}/task/*"):
            self.threads[task] = open(f"{task}/comm").read().strip()

    def figures(self):
        """Returns the time, the jobs done, and the processor seconds of the shard, and of what HTTP needs."""
        self.asker.write('{"cmd":"metrics"}\n')
        self.asker.flush()
        done = json.loads(self.asker.readline())["metrics"]["jobs_done"]
        shard = http = 0.0
        for task, name in self.threads.items():
            seconds = int(open(f"{task}/schedstat").read().split()[0]) / 1e9
            if name.startswith("shard"):
                shard += seconds
            elif name.startswith(("http", "sampler")):
                http += seconds
        return time.monotonic(), done, shard, http


def part(server, seconds):
    """Returns jobs per second, the shard's microseconds per job, and the shares of a core that HTTP and the shard took."""
    before = server.figures()
    time.sleep(seconds)
    passed, jobs, shard, http = (now - then for now, then in zip(server.figures(), before))
    return jobs / passed, shard / jobs * 1e6, http / passed, shard / passed


def compare(name, parts, base):
    """Prints how parts with the flood compare with the parts without that were before and after each."""
    rates = [100 * (on[0] / off[0] - 1) for on, off in zip(parts, base)]
    times = [100 * (on[1] / off[1] - 1) for on, off in zip(parts, base)]
    shown = [f"{statistics.median(values):+5.1f}% ({min(values):+.1f} to {max(values):+.1f})" for values in (rates, times)]
    http, shard = (100 * statistics.median(on[column] for on in parts) for column in (2, 3))
    cores = f"of the core HTTP {http:.1f}%, shard {shard:.1f}%"
    print(f"  {name:18} jobs/s {shown[0]:26} shard's CPU per job {shown[1]:26} {cores}", flush=True)


def measure(path, server_cores, other_cores):
    server = Server(server_cores)
    target = os.environ.get("CARGO_TARGET_DIR", "target")
    load = max((file for file in glob.glob(f"{target}/release/deps/load-*") if os.access(file, os.X_OK)), key=os.path.getmtime)
    load = subprocess.Popen(
        [load, "--bench", "--addr", "%s:%d" % server.jobs, "--scenario", "baseline", "--jobs", "1000000000"],
        stdout=subprocess.DEVNULL,
        preexec_fn=prepare(other_cores, LOAD),
    )
    answers = Value("L", 0, lock=False)

    def run():
        prepare(other_cores, FLOOD)()
        flood(server.http, path, answers)

    flooding = Process(target=run, daemon=True)
    time.sleep(3)
    flooding.start()
    time.sleep(1)
    os.kill(flooding.pid, signal.SIGSTOP)
    time.sleep(2)
    off, bursts, on, asked = [part(server, OFF_S)], [], [], 0
    for _ in range(ROUNDS):
        begin = answers.value
        os.kill(flooding.pid, signal.SIGCONT)
        bursts.append(part(server, BURST_S))
        on.append(part(server, ON_S))
        os.kill(flooding.pid, signal.SIGSTOP)
        asked += answers.value - begin
        time.sleep(1)
        off.append(part(server, OFF_S))
    assert load.poll() is None, "the load has ended early"
    for process in (flooding, load, server.process):
        process.kill()
    base = [tuple((a + b) / 2 for a, b in zip(*two)) for two in zip(off, off[1:])]
    rate = statistics.median(each[0] for each in off)
    shard = 100 * statistics.median(each[3] for each in off)
    answers = asked / ROUNDS / (BURST_S + ON_S)
    print(f"{path}: {answers:.0f} answers/s; without the flood {rate:.0f} jobs/s, shard {shard:.1f}% of the core")
    compare("the first %d s" % BURST_S, bursts, base)
    compare("after that", on, base)


def main():
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        sys.exit("flood.py needs two cores")
    for path in sys.argv[1:] or ["/metrics", "/status.json", "/healthz", "/metrics,/healthz"]:
        measure(path, cores[:1], cores[1:])


main()
