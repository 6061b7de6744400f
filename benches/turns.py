#!/usr/bin/env python3
"""Measures the longest turn of a shard under what one peer can cause at once. Figures and their meaning: docs/decisions.md.

Usage: benches/turns.py DEPUTY_SERVER [CASE...]

Each case starts a server of one shard. Its "busy" figure is the time for which the shard was busy from the moment that the
case names; its "longest turn" is the longest one of the server so far.
"""

import json
import socket
import subprocess
import sys
import tempfile
import threading
import time

SLOTS = 65_535


def encode(*lines):
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


class Conn:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(path)
        self.left = b""

    def send(self, *lines):
        self.socket.sendall(encode(*lines))

    def lines(self, n):
        """Returns the next n lines."""
        lines = []
        while len(lines) < n:
            *whole, rest = self.left.split(b"\n", n - len(lines))
            lines += whole
            self.left = rest
            if len(lines) < n:
                got = self.socket.recv(1 << 20)
                if not got:
                    raise EOFError("the server has closed the connection")
                self.left += got
        return lines

    def jobs(self, n):
        return [json.loads(line) for line in self.lines(n)]


class Server:
    def __init__(self, binary, *options):
        self.folder = tempfile.TemporaryDirectory()
        self.path = self.folder.name + "/sock"
        command = [binary, "--threads", "1", "--no-tcp", "--sock", self.path, *options]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        self.asker = None
        while self.asker is None:
            try:
                self.asker = Conn(self.path)
            except OSError:
                time.sleep(0.01)

    def conn(self):
        return Conn(self.path)

    def figures(self):
        self.asker.send({"cmd": "metrics"})
        return json.loads(self.asker.lines(1)[0])["metrics"]

    def wait_until(self, test):
        give_up = time.monotonic() + 60
        while not test(self.figures()):
            if time.monotonic() > give_up:
                sys.exit(f"what the case waits for did not happen within 60 s: {self.figures()}")
            time.sleep(0.001)

    def stop(self):
        self.process.kill()
        self.process.wait()


def submit(client, server, n, **members):
    """Submits n jobs in small pieces, so that no turn is long for it."""
    name = members.pop("type", "t")
    before = server.figures()["jobs_added"]
    for first in range(0, n, 500):
        ids = range(first, min(first + 500, n))
        client.send(*({"cmd": "do", "id": id, "type": name, **members} for id in ids))
    server.wait_until(lambda figures: figures["jobs_added"] == before + n)


def lost_worker(server):
    """A worker is lost that holds 65,535 jobs."""
    client, worker = server.conn(), server.conn()
    submit(client, server, SLOTS)
    worker.send({"cmd": "can_do", "types": ["t"], "max_jobs": SLOTS})
    worker.lines(SLOTS)
    before = yield
    worker.socket.close()
    server.wait_until(lambda figures: figures["jobs_reassigned"] == before["jobs_reassigned"] + SLOTS)


def lost_worker_of_many_types(server):
    """A worker is lost that holds 64 jobs of each of 1,023 types."""
    client, worker = server.conn(), server.conn()
    types = [f"t{nth}" for nth in range(1_023)]
    for name in types:
        submit(client, server, 64, type=name)
    worker.send({"cmd": "can_do", "types": types, "max_jobs": SLOTS})
    worker.lines(64 * len(types))
    before = yield
    worker.socket.close()
    server.wait_until(lambda figures: figures["jobs_reassigned"] == before["jobs_reassigned"] + 64 * len(types))


def key_group(server):
    """The job of a key that 100,000 `do` lines share is answered."""
    client, worker = server.conn(), server.conn()
    submit(client, server, 100_000, key="k")
    worker.send({"cmd": "can_do", "types": ["t"]})
    worker.lines(1)
    yield
    worker.send({"cmd": "did", "id": 0})
    client.lines(100_000)


def refused(server):
    """A peer sends 600,000 lines `{}`, and reads no answer: 41 MB are unsent."""
    client = server.conn()
    client.send({"cmd": "ping"})
    client.lines(1)
    before = yield
    for _ in range(600):
        client.socket.sendall(b"{}\n" * 1_000)
    server.wait_until(lambda figures: figures["protocol_errors"] == before["protocol_errors"] + 600_000)


def wide_worker(server):
    """A worker of 65,535 slots gives 1,024 types, of which 64 jobs each wait."""
    client, worker = server.conn(), server.conn()
    types = [f"t{nth}" for nth in range(1_024)]
    for name in types:
        submit(client, server, 64, type=name)
    yield
    worker.send({"cmd": "can_do", "types": types, "max_jobs": SLOTS})
    worker.lines(SLOTS)


def cancelled(server):
    """One `cancel` names a million jobs."""
    client = server.conn()
    for _ in range(1_000):
        client.send(*({"cmd": "do", "id": 1, "type": "t", "cancellable": True} for _ in range(1_000)))
    server.wait_until(lambda figures: figures["jobs_added"] == 1_000_000)
    yield
    client.send({"cmd": "cancel", "id": 1})
    client.lines(1_000_000)


def grown(server):
    """A million jobs are submitted, each with an id, a deadline and a cancel of its own, and their connection ends."""
    client = server.conn()
    yield
    submit(client, server, 1_000_000, cancellable=True, deadline_ms=3_600_000)
    client.socket.close()
    server.wait_until(lambda figures: figures["jobs_cancelled"] == 1_000_000)


def key_progress(server):
    """The worker of a key that 100,000 `do` lines share reports progress a thousand times, and answers."""
    client, worker = server.conn(), server.conn()
    submit(client, server, 100_000, key="k", progress=True)
    worker.send({"cmd": "can_do", "types": ["t"]})
    worker.lines(1)
    yield
    worker.send(*({"cmd": "progress", "id": 0, "data": nth} for nth in range(1_000)), {"cmd": "did", "id": 0})
    while b"did" not in client.lines(1)[0]:
        pass
    client.lines(99_999)


def keys(server):
    """A million jobs are submitted, each with a key of its own."""
    client = server.conn()
    yield
    for first in range(0, 1_000_000, 500):
        ids = range(first, first + 500)
        client.send(*({"cmd": "do", "id": id, "type": "t", "key": str(id), "cancellable": True} for id in ids))
    server.wait_until(lambda figures: figures["jobs_added"] == 1_000_000)


def types(server):
    """300,000 jobs are submitted, each of a type of its own."""
    client = server.conn()
    yield
    for first in range(0, 300_000, 500):
        client.send(*({"cmd": "do", "id": id, "type": f"type {id}"} for id in range(first, first + 500)))
    server.wait_until(lambda figures: figures["jobs_added"] == 300_000)


LINE_BYTES = (16 << 20) - 200  # A little less than the default of --max-line.


def long_line(server, piece):
    """Jobs are done, one after the other, whose arg and result are long; `piece` is one element of both."""
    client, worker = server.conn(), server.conn()
    value = b"[" + b",".join([piece] * ((LINE_BYTES - 2) // (len(piece) + 1))) + b"]"
    worker.send({"cmd": "can_do", "types": ["t"]})
    yield
    for _ in range(4):
        sender = threading.Thread(
            target=client.socket.sendall, args=(b'{"cmd":"do","id":1,"type":"t","arg":' + value + b"}\n",)
        )
        sender.start()
        worker.lines(1)
        sender.join()
        sender = threading.Thread(target=worker.socket.sendall, args=(b'{"cmd":"did","id":1,"res":' + value + b"}\n",))
        sender.start()
        client.lines(1)
        sender.join()


def long_text(server):
    """Args and results of 16 MiB, of text."""
    return long_line(server, b'"' + b"x" * 100_000 + b'"')


def long_escapes(server):
    """Args and results of 16 MiB, of text with escapes."""
    return long_line(server, b'"' + b"\\u00e9\\n" * 1_000 + b'"')


def long_numbers(server):
    """Args and results of 16 MiB, of numbers of one digit."""
    return long_line(server, b"1")


def long_objects(server):
    """Args and results of 16 MiB, of small objects."""
    return long_line(server, b'{"a":true}')


def long_space(server):
    """Args and results of 16 MiB, of white space."""
    return long_line(server, b" " * 100_000 + b"1")


def batch(server):
    """A peer submits 65,535 jobs in one write, and their worker answers them in one write."""
    client, worker = server.conn(), server.conn()
    worker.send({"cmd": "can_do", "types": ["t"], "max_jobs": SLOTS})
    before = yield
    client.send(*({"cmd": "do", "id": id, "type": "t"} for id in range(SLOTS)))
    jobs = worker.jobs(SLOTS)
    worker.send(*({"cmd": "did", "job": job["job"]} for job in jobs))
    server.wait_until(lambda figures: figures["jobs_done"] == before["jobs_done"] + SLOTS)
    client.lines(SLOTS)


def wide_can_do(server):
    """Ten workers give 1,024 types of 200 bytes each in one line, take them back, and leave."""
    workers = [server.conn() for _ in range(10)]
    types = [f"{nth:0200}" for nth in range(1_024)]
    yield
    for cmd in ["can_do", "cant_do", "can_do"]:
        for worker in workers:
            worker.send({"cmd": cmd, "types": types}, {"cmd": "ping"})
            worker.lines(1)
    for worker in workers:
        worker.socket.close()
    server.wait_until(lambda figures: figures["workers"] == 0)


def table(server):
    """A client asks five times for the table of 100,000 types, with histograms."""
    client = server.conn()
    for first in range(0, 100_000, 500):
        client.send(*({"cmd": "do", "id": id, "type": f"type {id}"} for id in range(first, first + 500)))
    server.wait_until(lambda figures: figures["jobs_added"] == 100_000)
    yield
    for _ in range(5):
        client.send({"cmd": "metrics", "types": True, "histograms": True})
        client.lines(1)


CASES = [
    long_text,
    long_escapes,
    long_numbers,
    long_objects,
    long_space,
    batch,
    wide_can_do,
    table,
    lost_worker,
    lost_worker_of_many_types,
    key_group,
    key_progress,
    refused,
    wide_worker,
    cancelled,
    grown,
    keys,
    types,
]


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    names = sys.argv[2:]
    for case in CASES:
        if names and case.__name__ not in names:
            continue
        server = Server(sys.argv[1], "--max-memory", "8G")
        try:
            steps = case(server)
            next(steps)
            before = server.figures()
            try:
                steps.send(before)
            except StopIteration:
                pass
            after = server.figures()
            turn = [figures["shard_longest_turn_us"] / 1_000 for figures in (before, after)]
            busy = (after["shard_busy_us"] - before["shard_busy_us"]) / 1_000
            turns = after["shard_turns"] - before["shard_turns"]
            print(f"{case.__name__:26} longest turn {turn[1]:7.2f} ms (before {turn[0]:.2f}), busy {busy:8.1f} ms, {turns} turns")
        finally:
            server.stop()


if __name__ == "__main__":
    main()
