"""A worker: says what it can do, then does one job after another."""
import json, socket, sys

host, port = sys.argv[1:] or ("127.0.0.1", 11746)
does = {"shout": str.upper, "add": sum}

with socket.create_connection((host, port)) as server:
    lines = server.makefile("rw", encoding="utf-8", newline="\n")

    def say(**line):
        print(json.dumps(line), file=lines, flush=True)

    say(cmd="can_do", types=list(does), max_jobs=1)
    for line in lines:
        job = json.loads(line)
        if job["cmd"] == "do":
            try:
                say(cmd="did", job=job["job"], res=does[job["type"]](job["arg"]))
            except Exception as error:
                say(cmd="did", job=job["job"], err=str(error))
