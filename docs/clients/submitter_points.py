"""Checks what a program that submits jobs must do."""
import socket

from fake_server import Wrong, encode, same, short
from points import BIG, DEEP, ODD, TEXT, endless, point
from their_socket import expect_option


def did(do, res):
    return {"cmd": "did", "id": do["id"], "res": res}


def submit(fake, *args, members=None, cancels=False):
    """Runs a submitter. Returns its process, its connection, and its jobs in the order of their args. With `cancels` it
    asks to cancel each of them, too."""
    process, connection = fake.run("cancel" if cancels else "do", "try", args=args, members=members), fake.accept()
    cmds = ("do", "cancel") if cancels else ("do",)
    lines = [connection.expect(*cmds) for _ in args for _ in cmds]
    jobs = [line for line in lines if line["cmd"] == "do"]
    if any(job.get("type") != "try" for job in jobs) or not same([job.get("arg") for job in jobs], list(args)):
        raise Wrong(f"it submitted {short(jobs)}")
    ids = [job.get("id") for job in jobs]
    if not all(isinstance(id, (int, str)) for id in ids) or len(set(ids)) < len(args):
        raise Wrong(f"its ids are {short(ids)}")
    for job, arg in zip(jobs, args):
        if not same(job, {**(members or {}), "cmd": "do", "id": job["id"], "type": "try", "arg": arg}):
            raise Wrong(f"it sent {short(job)}, where {short(members or {})} was to come beside the usual members")
    for line in lines:
        if line["cmd"] == "cancel" and line.get("id") not in [job["id"] for job in lines[: lines.index(line)]]:
            raise Wrong(f"it sent {short(line)}, which is none of its jobs")
    if cancels and {line["id"] for line in lines if line["cmd"] == "cancel"} != set(ids):
        raise Wrong(f"it sent {short(lines)}, where each job was to be cancelled")
    return process, connection, jobs


@point("submits, prints the result, and exits with 0")
def result(fake):
    process, connection, [job] = submit(fake, {"a": [1, None, True, {}, []], "b": "c"})
    connection.send(did(job, {"d": [0, False, {}, [], "e"]}))
    fake.expect_results(process, [{"d": [0, False, {}, [], "e"]}])


@point("takes false, 0, null, an empty text and no res at all for results")
def empty_result(fake):
    process, connection, jobs = submit(fake, 1, 2, 3, 4, 5)
    connection.send(*map(did, jobs, [False, 0, None, ""]), {"cmd": "did", "id": jobs[4]["id"]})
    fake.expect_results(process, [False, 0, None, "", None])


@point("takes what has a code for an error, also if err is null, and exits with 1")
def empty_error(fake):
    for err in (None, ""):
        process, connection, [job] = submit(fake, 1)
        connection.send({"cmd": "did", "id": job["id"], "err": err, "code": "failed"})
        fake.expect_error(process, "failed")


@point("reports every code, also one that it does not know")
def codes(fake):
    for code in ("gave_up", "queue_full", "cancelled", "timed_out", "no_worker", "no_bridge", "not_known_yet"):
        process, connection, [job] = submit(fake, 1)
        connection.send({"cmd": "did", "id": job["id"], "err": "a reason", "code": code})
        fake.expect_error(process, code, "a reason")


@point("finds the server at a UNIX socket", unix=True)
def unix_socket(fake):
    process, connection, [job] = submit(fake, 1)
    connection.send(did(job, 2))
    fake.expect_results(process, [2])


@point("reads answers that come in pieces, cut anywhere, also within a character")
def pieces(fake):
    process, connection, jobs = submit(fake, 1, 2)
    connection.send(*(did(job, TEXT) for job in jobs), piece=1)
    fake.expect_results(process, [TEXT, TEXT])


@point("has many jobs in flight, and tells their answers apart by id, in any order and in one write")
def in_flight(fake):
    process, connection, jobs = submit(fake, *range(200))
    connection.send(*(did(job, -job["arg"]) for job in reversed(jobs)))
    fake.expect_results(process, [-n for n in range(200)])


@point("ignores lines and ids that it does not know")
def unknown_lines(fake):
    process, connection, [job] = submit(fake, 1)
    connection.send({"news": 1}, {"cmd": "news", "id": job["id"]}, {"cmd": "pong"}, {"cmd": "stored", "id": job["id"]})
    connection.send({"cmd": "error", "code": "not_holding", "error": "no"}, did({"id": "unknown"}, 1), did(job, 2))
    fake.expect_results(process, [2])


@point("ignores members that it does not know, and takes them in any order")
def unknown_members(fake):
    process, connection, [job] = submit(fake, 1)
    connection.send({"since": [{"cmd": "x"}], "res": 2, "id": job["id"], "cmd": "did", "until": {"res": 3}})
    fake.expect_results(process, [2])


@point("adds the members that the program gives to a `do`, and no others")
def members(fake):
    given = {"priority": -3, "key": TEXT, "wait_ms": 0, "durable": False, "not_known_yet": [{"a": None}, 1.5]}
    process, connection, jobs = submit(fake, 1, 2, members=given)
    connection.send(*(did(job, job["arg"]) for job in jobs))
    fake.expect_results(process, [1, 2])


@point("cancels by the id of the job; the job's answer says what became of it, and may be a result")
def cancel(fake):
    process, connection, jobs = submit(fake, 1, 2, members={"cancellable": True}, cancels=True)
    connection.send(did(jobs[1], 4), did(jobs[0], 3))
    fake.expect_results(process, [3, 4])
    process, connection, [job] = submit(fake, 1, members={"cancellable": True}, cancels=True)
    connection.send({"cmd": "did", "id": job["id"], "err": "it was withdrawn", "code": "cancelled"})
    fake.expect_error(process, "cancelled")


@point("tells the program of its jobs' progress, and does not take it for an answer")
def progress(fake):
    process, connection, jobs = submit(fake, 1, 2, members={"progress": True})
    report = lambda id, data: connection.send({"cmd": "progress", "id": id, "data": data})
    report(jobs[1]["id"], {"percent": [50, TEXT]})
    report("unknown", 1)
    report(jobs[0]["id"], None)
    report(jobs[1]["id"], False)
    connection.send(did(jobs[1], 4))
    report(jobs[1]["id"], "late")
    connection.send(did(jobs[0], 3))
    fake.expect_results(process, [3, 4], progress=[[None], [{"percent": [50, TEXT]}, False]])


@point("drops a progress that it cannot decode or did not ask for, and waits for the answer")
def odd_progress(fake):
    for members in (None, {"progress": True}):
        process, connection, [job] = submit(fake, 1, members=members)
        for odd in ODD:
            connection.send(b'{"cmd":"progress","id":%s,"data":%s}' % (encode(job["id"]), odd.encode()))
        connection.send(did(job, 2))
        code, lines, stderr = fake.ended(process)
        if code != 0 or lines != ["2"]:
            raise Wrong(f"it exited with {code} and printed {short(lines)}: {stderr.strip()[-200:]}")


@point("tells the program when a durable job is stored, and waits on for its answer, which may also be lost")
def stored(fake):
    process, connection, jobs = submit(fake, 1, 2, 3, members={"durable": True})
    store = lambda id: connection.send({"cmd": "stored", "id": id})
    store(jobs[1]["id"])
    store("unknown")
    connection.send(did(jobs[1], 5), did(jobs[2], 6))
    store(jobs[0]["id"])
    connection.send(did(jobs[0], 4))
    fake.expect_results(process, [4, 5, 6], stored=2)
    process, connection, [job] = submit(fake, 1, members={"durable": True})
    connection.send({"cmd": "stored", "id": job["id"]})
    connection.end.close()
    fake.expect_error(process, "stored", "lost")


@point("carries text of all kinds both ways")
def text(fake):
    process, connection, [job] = submit(fake, TEXT)
    connection.send(encode(did(job, "@")).replace(b"@", b"\\u20ac\\ud83d\\ude00\\n\xe2\x82\xac"))
    fake.expect_results(process, ["\u20ac\U0001f600\n\u20ac"])


@point("carries large values both ways")
def large(fake):
    process, connection, [job] = submit(fake, "x" * 100_000)
    connection.send(did(job, BIG))
    fake.expect_results(process, [BIG])


@point("fails one job for an answer that it cannot decode, and takes the others'")
def odd_results(fake):
    process, connection, jobs = submit(fake, *range(1 + len(ODD)))
    for job, odd in zip(jobs[1:], ODD):
        connection.send(b'{"cmd":"did","id":%s,"res":%s}' % (encode(job["id"]), odd.encode()))
    connection.send(did(jobs[0], "even"))
    code, lines, stderr = fake.ended(process)
    if lines[:1] != ['"even"']:
        raise Wrong(f"it printed {short(lines)} for a job that was done: {stderr.strip()[-200:]}")
    if code != 0 and not stderr.strip():
        raise Wrong(f"it exited with {code}, and did not say why")


@point("fails a job whose line is longer than the server's max_line, or nests too deep, and sends the others")
def refused_args(fake):
    fake.metrics["max_line"] = 1000
    for text in ('"' + "x" * 1000 + '"', DEEP):
        process, connection = fake.run("do", "try", "1", text), fake.accept()
        job = connection.expect("do")
        connection.send(did(job, "sent"))
        connection.expect_end()
        code, lines, stderr = fake.ended(process)
        if code != 1 or lines != ['"sent"'] or not stderr.strip():
            raise Wrong(f"it exited with {code} and printed {short(lines)}: {stderr.strip()[-200:]}")


@point("reads DEPUTY_URL as docs/protocol.md says")
def server_forms(fake):
    place = fake.url[len("tcp://"):]
    for url in (place, f"tcp://{place}/", f" {place}\r\n"):
        process, connection = fake.run("do", "try", args=[1], url=url), fake.accept()
        connection.send(did(connection.expect("do"), 2))
        fake.expect_results(process, [2])


@point("reads DEPUTY_URL with a UNIX socket as docs/protocol.md says", unix=True)
def unix_forms(fake):
    process, connection = fake.run("do", "try", args=[1], url="unix://" + fake.url[len("unix:"):]), fake.accept()
    connection.send(did(connection.expect("do"), 2))
    fake.expect_results(process, [2])


@point("refuses a DEPUTY_URL that names no server, and shows it")
def no_url(fake):
    place = fake.url[len("tcp://"):]
    for url in (f"http://{place}", f"user@{place}", "127.0.0.1:0", "127.0.0.1:65536", "::1", "[:::]:1", "[1::2::3]:1",
                "[1:2:3:4:5:6:7]", "/run/deputy.sock", "unix:"):
        fake.expect_error(fake.run("do", "try", args=[1], url=url), url)


@point("fails what waits, with the word `lost`, when the connection is lost; half a line is no answer")
def lost(fake):
    process, connection, jobs = submit(fake, 1, 2)
    connection.send(did(jobs[0], 1), half=True)
    connection.end.close()
    fake.expect_error(process, "lost")


@point("fails what waits also if the connection is reset")
def reset(fake):
    process, connection, _ = submit(fake, 1, 2)
    connection.reset()
    fake.expect_error(process, "lost")


@point("says so, and exits with 1, if no server listens")
def no_server(fake):
    with socket.socket() as silent:  # It has a port, so that no other program gets it, but does not listen.
        silent.bind(("127.0.0.1", 0))
        fake.expect_error(fake.run("do", "try", args=[1], url="tcp://127.0.0.1:%d" % silent.getsockname()[1]))


@point("gives up a connection that is not made within seconds, and says so", slow=True)
def connect_time_out(fake):
    # The queue of connections that wait to be accepted is full, so the next one is not even refused.
    fake.listener.listen(0)
    crowd = [socket.socket() for _ in range(2)]
    for end in crowd:
        end.setblocking(False)
        end.connect_ex(fake.listener.getsockname())
    fake.expect_error(fake.run("do", "try", args=[1]))
    for end in crowd:
        end.close()


@point("gives up a server that accepts the connection and does not answer", slow=True)
def silent_server(fake):
    process = fake.run("do", "try", args=[1])
    fake.accept()
    fake.expect_error(process)


@point("does not gather a line without end, but closes the connection")
def endless_line(fake):
    process, connection, _ = submit(fake, 1)
    endless(connection)
    fake.expect_error(process, "lost")


@point("sets TCP_NODELAY")
def no_delay(fake):
    process, connection, _ = submit(fake, 1)
    is_set = lambda end: end.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    expect_option(connection, process, "TCP_NODELAY, so that its second line waits for an acknowledgement", is_set)
