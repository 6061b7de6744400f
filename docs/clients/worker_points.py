"""Checks what a worker must do."""
import socket, time

from fake_server import Wrong, encode, same, short
from points import BIG, DEEP, NUMBER_MAX, ODD, TEXT, endless, point
from their_socket import expect_option


def hand_out(connection, number, arg=None, **members):
    """Sends a `do`, and returns its line."""
    line = {"cmd": "do", "id": 1, "type": "try", "job": number, "arg": arg or {"seconds": 0, "n": number}, **members}
    connection.send(line)
    return line


def expect_answer(connection, *lines):
    """Raises unless the next lines are the answers to these `do`, in any order, each by its number."""
    waiting = {line["job"]: line["arg"] for line in lines}
    while waiting:
        answer = connection.expect("did")
        if answer.get("job") not in waiting or isinstance(answer["job"], float):
            raise Wrong(f"it answered {short(answer)}; the numbers of its jobs are {list(waiting)}")
        arg = waiting.pop(answer["job"])
        if "err" in answer or not same(answer.get("res"), arg):
            raise Wrong(f"it answered {short(answer)} to {short(arg)}")


def expect_end_of(connection, number):
    """Raises unless the next line is an answer to the job of this number, any."""
    answer = connection.expect("did")
    if not same(answer.get("job"), number):
        raise Wrong(f"it answered {short(answer)}; the number of its job is {number}")


@point("finds servers that are gone without a word (keepalive), within minutes")
def keepalive(fake):
    process = fake.run("work", "try")
    connection = fake.worker()
    is_set = lambda end: end.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    expect_option(connection, process, "keepalive: it will not ask whether the server is still there", is_set)
    is_soon = lambda end: end.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) <= 120
    expect_option(connection, process, "keepalive within minutes: it begins after hours (TCP_KEEPIDLE)", is_soon)


@point("says what it can do, and asks for job numbers; answers each job by its number, not by its id")
def numbers(fake):
    connection = fake.start_worker()
    for number in (0, NUMBER_MAX, 7):
        expect_answer(connection, hand_out(connection, number, id="the same"))
    jobs = [hand_out(connection, number, {"seconds": 0, "n": -number}) for number in range(connection.slots)]
    expect_answer(connection, *jobs)


@point("answers err if the work fails, and goes on")
def failing_work(fake):
    connection = fake.start_worker()
    for number in (1, 2):
        connection.send({"cmd": "do", "id": 1, "type": "try", "job": number})
        answer = connection.expect("did")
        if answer.get("job") != number or "err" not in answer or "res" in answer:
            raise Wrong(f"it answered {short(answer)} to a job without arg, where an err was to come")
    expect_answer(connection, hand_out(connection, 9))


@point("reports the progress of a job by its number, before its answer")
def reports_progress(fake):
    connection = fake.start_worker()
    for number in (NUMBER_MAX, 0):
        job = hand_out(connection, number, {"seconds": 0, "report": True})
        connection.expect_progress(job, {"attempt": 1})
        expect_answer(connection, job)


@point("tells the work which attempt it is")
def attempt(fake):
    connection = fake.start_worker()
    for number in (2, 255):
        job = {"cmd": "do", "id": 1, "type": "try", "job": number, "attempt": number, "run_limit_ms": 60_000}
        job["ref"], job["arg"] = "0.7-a_Z", {"seconds": 0, "report": True}
        connection.send(job)
        connection.expect_progress(job, {"attempt": number})
        expect_answer(connection, job)


@point("adds the members that the program gives to `can_do`, and tells the work the `ref` of its job")
def work_members(fake):
    members = {"ref": True, "spare": False, "not_known_yet": [TEXT]}
    connection = fake.start_worker(members)
    for number, more in ((1, {}), (2, {"attempt": 2}), (3, {"run_limit_ms": 1}), (4, {"attempt": 3, "run_limit_ms": 1})):
        job = {"cmd": "do", "id": 1, "type": "try", "job": number, **more, "ref": f"0.{number}-a_Z"}
        job["arg"] = {"seconds": 0, "report": True}
        connection.send(job)
        connection.expect_progress(job, {"attempt": more.get("attempt", 1), "ref": job["ref"]})
        expect_answer(connection, job)


@point("answers a cancelled job, too, once, and goes on")
def cancelled_job(fake):
    connection = fake.start_worker()
    connection.send({"cmd": "cancel", "job": 9})
    expect_answer(connection, hand_out(connection, 1))
    connection.send({"cmd": "cancel", "job": 1})
    for number, seconds in ((2, 0.2), (3, 0)):
        hand_out(connection, number, {"seconds": seconds})
        connection.send({"cmd": "cancel", "job": number})
        expect_end_of(connection, number)
    expect_answer(connection, hand_out(connection, 4))


@point("tells the work that its job is cancelled, while it works")
def cancelled_work(fake):
    connection = fake.start_worker()
    job = hand_out(connection, 1, {"seconds": 600, "report": True})
    connection.expect_progress(job, {"attempt": 1})
    connection.send({"cmd": "cancel", "job": 2})
    connection.send({"cmd": "cancel", "job": 1}, piece=1)
    expect_end_of(connection, 1)
    # Both lines come at once, so the client may have read the second one before its work begins.
    connection.send(dict(job, job=3, arg={"seconds": 600}), {"cmd": "cancel", "job": 3})
    expect_end_of(connection, 3)
    expect_answer(connection, hand_out(connection, 4))


@point("answers each arg, also one that it cannot decode or give back, and stays connected")
def odd_args(fake):
    connection = fake.start_worker()
    for number, odd in enumerate(ODD, 1):
        line = b'{"cmd":"do","id":"\\"job\\":7,","type":"try","job":%d,"arg":{"seconds":0,"odd":%s}}'
        connection.send(line % (number, odd.encode()))
        answer = connection.expect("did")
        if answer.get("job") != number or not ("err" in answer) ^ ("res" in answer):
            raise Wrong(f"it answered {short(answer)} to {odd[:40]}")
    expect_answer(connection, hand_out(connection, 100))


@point("answers err for a result that is longer than the server's max_line, or nests too deep")
def refused_results(fake):
    fake.metrics["max_line"] = 1000
    connection = fake.start_worker()
    for number, text in enumerate(('"' + "x" * 980 + '"', '"' + "\\u0001" * 160 + '"', DEEP), 1):
        line = b'{"cmd":"do","id":1,"type":"try","job":%d,"arg":{"seconds":0,"n":%s}}'
        connection.send(line % (number, text.encode()))
        answer = connection.expect("did")
        if answer.get("job") != number or "err" not in answer or len(encode(answer)) > 1000:
            raise Wrong(f"it answered {short(answer)}, where an err was to come")
    expect_answer(connection, hand_out(connection, 100))


@point("works at a UNIX socket", unix=True)
def unix_worker(fake):
    connection = fake.start_worker()
    expect_answer(connection, hand_out(connection, 1))


@point("reads jobs in pieces, several in one write, and large ones")
def jobs_in_pieces(fake):
    connection = fake.start_worker()
    job = {"cmd": "do", "id": "\u20ac", "type": "try", "job": 1, "arg": {"seconds": 0, "text": TEXT}}
    connection.send(job, piece=1)
    expect_answer(connection, job)
    jobs = [dict(job, job=number) for number in range(2, 2 + min(connection.slots, 50))]
    connection.send(*jobs)
    expect_answer(connection, *jobs)
    expect_answer(connection, hand_out(connection, 100, {"seconds": 0, "text": BIG}))


@point("a worker ignores lines that it does not know, and errors")
def unknown_to_workers(fake):
    connection = fake.start_worker()
    connection.send({"news": 1, "job": 1}, {"cmd": "news", "job": 1})
    connection.send({"cmd": "error", "code": "not_known_yet", "error": "no"})
    connection.send({"cmd": "error", "code": "not_holding", "error": "no", "id": None})
    expect_answer(connection, hand_out(connection, 1))


@point("a worker ignores members that it does not know, and takes them in any order")
def unknown_members_of_jobs(fake):
    connection = fake.start_worker()
    arg = {"seconds": 0, "n": 1}
    connection.send({"since": {"cmd": "x"}, "arg": arg, "job": 1, "type": "try", "id": 1, "cmd": "do", "until": {}})
    expect_answer(connection, {"job": 1, "arg": arg})


@point("connects again when the connection is lost, and says again what it can do")
def comes_back(fake):
    fake.start_worker().end.close()
    fake.worker().reset()
    connection = fake.worker()
    connection.send({"cmd": "do", "id": 1, "type": "try", "job": 1, "arg": {"seconds": 0}}, half=True)
    connection.end.close()
    connection = fake.worker()
    expect_answer(connection, hand_out(connection, 2))


@point("drops results whose connection was lost")
def late_result(fake):
    connection = fake.start_worker()
    hand_out(connection, 1, {"seconds": 0.3})
    connection.end.close()
    connection = fake.worker()
    # It takes longer than the first one, so that the first one's result has time to come.
    expect_answer(connection, hand_out(connection, 2, {"seconds": 0.6}))


@point("comes back less and less often where every connection is closed at once")
def backs_off(fake):
    fake.run("work", "try")
    fake.accept().end.close()
    for _ in range(40):
        start = time.monotonic()
        fake.accept().end.close()
        if time.monotonic() - start > 0.6:
            return
    raise Wrong("it connected 40 times in a row, and never waited for half a second")


@point("a worker closes the connection that has a line without end, and comes back")
def endless_job(fake):
    endless(fake.start_worker())
    fake.worker()
