"""A worker as they were in 2011: CRLF, one job at a time, `can_do`, `do` and `did`, and nothing newer.

usage: worker_2011.py PORT [--never-answer]

Adds numbers until the server goes away.
"""

import json
import socket
import sys


def say(connection, message):
    connection.sendall(json.dumps(message).encode() + b"\r\n")


def main():
    connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    say(connection, {"cmd": "can_do", "types": ["add"]})
    received = b""
    while True:
        data = connection.recv(4096)
        if not data:
            return
        *lines, received = (received + data).split(b"\r\n")
        for line in lines:
            job = json.loads(line)
            if job["cmd"] == "do" and "--never-answer" not in sys.argv:
                say(connection, {"cmd": "did", "id": job["id"], "res": sum(job["arg"])})


main()
