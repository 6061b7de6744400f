"""A client as they were in 2011: CRLF, ids of its own choosing, `do`, `did` and `metrics`, and nothing newer.

usage: client_2011.py PORT JOBS

Submits additions, all before it reads the first result, checks every result, and asks for the metrics in between.
"""

import json
import socket
import sys


def say(connection, message):
    connection.sendall(json.dumps(message).encode() + b"\r\n")


def main():
    port, jobs = int(sys.argv[1]), int(sys.argv[2])
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    expected = {}
    for number in range(jobs):
        # Numbers and strings, as people did.
        job_id = number if number % 2 else "job-%d" % number
        expected[job_id] = number + jobs
        say(connection, {"cmd": "do", "id": job_id, "type": "add", "arg": [number, jobs]})
    say(connection, {"cmd": "metrics"})

    metrics = None
    received = b""
    while expected or metrics is None:
        data = connection.recv(4096)
        if not data:
            sys.exit("the server closed the connection")
        *lines, received = (received + data).split(b"\r\n")
        for line in lines:
            message = json.loads(line)
            if message["cmd"] == "metrics":
                metrics = message["metrics"]
            elif message["cmd"] != "did" or expected.pop(message["id"]) != message["res"]:
                sys.exit("unexpected: %r" % message)

    old = "up_since connections workers_added jobs_added jobs_dispatched jobs_done jobs_reassigned".split()
    if not all(isinstance(metrics[name], int) for name in old):
        sys.exit("metrics: %r" % metrics)
    print(jobs, "results")


main()
