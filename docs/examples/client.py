"""A client: submits some jobs at once, and prints the answers as they come."""
import json, socket, sys

host, port = sys.argv[1:] or ("127.0.0.1", 11746)
jobs = {1: ("shout", "hello"), 2: ("add", [1, 2, 3]), 3: ("add", ["one", 2])}

with socket.create_connection((host, port)) as server:
    lines = server.makefile("rw", encoding="utf-8", newline="\n")
    for id, (type, arg) in jobs.items():
        line = {"cmd": "do", "id": id, "type": type, "arg": arg}
        print(json.dumps(line), file=lines, flush=True)

    for line in lines:
        answer = json.loads(line)
        type, arg = jobs.pop(answer["id"])
        failed = f"failed: {answer.get('err')} ({answer.get('code')})"
        print(type, arg, "->", failed if "code" in answer else answer["res"])
        if not jobs:
            break
