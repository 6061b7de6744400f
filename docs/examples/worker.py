"""A worker: says what it can do, then does one job after another."""
import json, socket, sys

host, port = sys.argv[1:] or ("127.0.0.1", 11746)
does = {"shout": str.upper, "add": sum}

def line(**members):
    return json.dumps(members, allow_nan=False).encode() + b"\n"

with socket.create_connection((host, port)) as server:
    server.sendall(line(cmd="can_do", types=list(does), max_jobs=1))
    for text in server.makefile("rb"):
        job = json.loads(text)
        if job["cmd"] == "do":
            try:
                answer = line(cmd="did", job=job["job"], res=does[job["type"]](job["arg"]))
            except Exception as error:
                answer = line(cmd="did", job=job["job"], err=str(error))
            server.sendall(answer)
