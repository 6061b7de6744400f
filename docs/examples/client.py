"""A client: submits some jobs at once, and prints the answers as they come."""
import json, socket, sys

host, port = sys.argv[1:] or ("127.0.0.1", 11746)
jobs = {1: ("shout", "hello"), 2: ("add", [1, 2, 3]), 3: ("add", ["one", 2])}

with socket.create_connection((host, port)) as server:
    for id, (type, arg) in jobs.items():
        line = {"cmd": "do", "id": id, "type": type, "arg": arg}
        server.sendall(json.dumps(line).encode() + b"\n")

    for text in server.makefile("rb"):
        answer = json.loads(text)
        type, arg = jobs.pop(answer["id"])
        failed = f"failed: {answer.get('err')} ({answer.get('code')})"
        print(type, arg, "->", failed if "code" in answer else answer["res"])
        if not jobs:
            break
