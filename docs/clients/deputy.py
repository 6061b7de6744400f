"""Deputy's client for Python (3.8 or later) in one file, to copy. The server is `url`, or DEPUTY_URL.
    Client().submit("resize", {"photo": "cat.png"}, key="cat").result(60)  # A Future. JobError(code, err) if it failed.
    work({"resize": lambda arg, job: ...})  # Never returns. It does one job at a time: run a process for each core."""
import concurrent.futures, contextlib, itertools, json, os, random, re, select, socket, sys, threading, time, traceback
OPTIONS = {"TCP_NODELAY": 1, "TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 60_000}
URL = re.compile(r"unix:(?://(?=/))?(/?[^/].*)|(?:tcp://)?(?:((?:[A-Za-z_]|[0-9]+[A-Za-z._-])[A-Za-z0-9._-]*)|"
                 r"\[(([0-9A-Fa-f:.]+)(?:%[A-Za-z0-9._-]+)?)\])(?::([1-9][0-9]{0,4}))?/?", re.DOTALL)
REST, SQUARE = bytes(set(range(256)) - set(b'[]{}"')), bytes.maketrans(b"{}", b"[]")
HEAD = re.compile(rb'{"cmd":"(did|do|progress)",(?:"id":([0-9]+)[,}])?(?:.*?"job":([0-9]+)[,}])?')  # Is decodable.

class JobError(Exception): """The server's code and the err. With the code "lost" the job may have been done or not."""

def parse_url(url):  # Returns the path of a UNIX socket, or host and port.
    match = URL.fullmatch(url.strip(" \t\r\n") or "127.0.0.1")
    with contextlib.suppress(OSError):  # It is no IPv6 address.
        if match and int(match[5] or 0) < 65536 and socket.inet_pton(socket.AF_INET6, match[4] or "::"):
            return match[1] or (match[2] or match[3], int(match[5] or 11746))
    raise ValueError(f"{url!r} names no server: write tcp://HOST:PORT, HOST:PORT or unix:/PATH")

class Connection:
    def __init__(self, address, attempt):  # Pauses differ between programs that lost the same server.
        time.sleep(random.uniform(0.5, 1) * min(0.05 * 2 ** min(attempt, 9), 10) if attempt > 1 else 0)
        self.waiting, self.broken, self.line_max, self.lines = {}, False, 16 << 20, self.receive(address)
        self.line_max = next(line["metrics"].get("max_line", 16 << 20) for line in self.lines if "metrics" in line)
        self.socket.settimeout(None)

    def receive(self, address):  # Yields the server's lines. A line that does not end ends the connection.
        over_tcp = isinstance(address, tuple)
        with socket.create_connection(address, 5) if over_tcp else socket.socket(socket.AF_UNIX) as self.socket:
            self.socket.settimeout(10)
            if not over_tcp: self.socket.connect(address)
            if over_tcp and self.socket.getsockname() == self.socket.getpeername():
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # Frees it at once.
                raise ConnectionError("no server listens at this port: TCP connected it to itself")
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for name in filter(lambda name: over_tcp and hasattr(socket, name), OPTIONS):
                self.socket.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), OPTIONS[name])
            self.send(cmd="metrics")
            with self.socket.makefile("rb") as self.file:
                while (text := self.file.readline(self.line_max + 1024)).endswith(b"\n"):  # The server adds a little.
                    try: line = json.loads(text)
                    except (ValueError, RecursionError) as why:  # It fails one job: a number of 5,000 digits, say.
                        cmd, id, job = HEAD.match(text).groups(b"0")  # AttributeError if it is something else.
                        line = dict(cmd=cmd.decode(), id=int(id), job=int(job), code="undecodable", err=str(why))
                    yield line
            raise ConnectionError("the server closed the connection")

    def send(self, **line):  # ValueError or TypeError if the server could not read it.
        text = json.dumps(line, allow_nan=False, separators=(",", ":")).encode()
        brackets = b"".join(text.replace(rb"\\", b"").replace(rb'\"', b"").translate(SQUARE, REST).split(b'"')[::2])
        for _ in range(128): brackets = brackets.replace(b"[]", b"")  # Each time without the innermost.
        if brackets or len(text) > self.line_max:
            raise ValueError(f"the line is longer than {self.line_max} bytes, or nests deeper than 128 levels")
        try: self.socket.sendall(text + b"\n")
        except BaseException as error:  # A part of the line may be out, and nothing may follow it.
            self.broken = True
            with contextlib.suppress(OSError): self.socket.shutdown(socket.SHUT_RDWR)
            if not isinstance(error, OSError): raise  # `receive` notices that one as well.

class Client:  # Submits jobs, from any number of threads. It connects when it has to. OSError if it cannot.
    def __init__(self, url=None):
        self.address, self.ids = parse_url(url or os.environ.get("DEPUTY_URL", "")), itertools.count(1)
        self.server, self.locks, self.pid = None, {}, None

    def submit(self, type, arg=None, progress=None, stored=None, **members):  # Calls both in a thread of its own.
        id, future, pid = next(self.ids), concurrent.futures.Future(), os.getpid()
        if progress: members["progress"] = True
        with self.locks.setdefault(pid, threading.RLock()):
            if self.pid != pid:  # After a fork the connection and its futures are the parent's.
                self.server = self.server and os.close(self.server.socket.detach())
                self.pid, self.attempts = pid, itertools.count(1)
            if not self.server or self.server.broken:
                server, self.attempts = Connection(self.address, next(self.attempts)), itertools.count(2)
                threading.Thread(target=self.read, args=[server], daemon=True).start()
                self.server = server
            self.server.waiting[id], future.server, future.id = (future, progress, stored), self.server, id
            try: self.server.send(cmd="do", id=id, type=type, arg=arg, **members)
            except (TypeError, ValueError, RecursionError) as error:
                self.server.waiting.pop(id)[0].set_exception(error)
        return future

    def cancel(self, future):  # It then fails with the code "cancelled", if it is `cancellable` and has not ended.
        with self.locks[os.getpid()]: future.server.send(cmd="cancel", id=future.id)  # KeyError in a forked child.

    def read(self, server):
        with contextlib.suppress(Exception):
            for line in server.lines: settle(server.waiting, line)
        with self.locks[self.pid]: self.server = None if self.server is server else self.server
        for id in [*server.waiting]: settle(server.waiting, dict(cmd="did", id=id, code="lost", err="connection lost"))

def settle(waiting, did):
    with contextlib.suppress(BaseException):  # Whatever a callback raises, reading goes on.
        if did["cmd"] == "progress": waiting[did["id"]][1](did["data"])
        elif did["cmd"] == "stored": waiting[did["id"]][2]()  # By a bridge: it will be done whatever fails.
        elif did["cmd"] == "did" and (job := waiting.pop(did["id"])[0]).set_running_or_notify_cancel():
            if "code" in did: job.set_exception(JobError(did["code"], did.get("err")))
            else: job.set_result(did.get("res"))

class Job:  # What a handler gets beside arg. Its methods are for the handler's thread.
    def __init__(self, server, line):
        self.server, self.number, self.over = server, line["job"], False
        self.attempt, self.ref = line.get("attempt", 1), line.get("ref")  # The second names it in each attempt.

    def progress(self, data=None): self.server.send(cmd="progress", job=self.number, data=data)  # Renews a run limit.

    def cancelled(self):  # Whether the server has said so by now. OSError if the server is gone.
        self.server.socket.settimeout(0)
        more = self.server.file.peek(1) or select.select([self.server.socket], [], [], 0)[0]
        self.server.socket.settimeout(None)
        line = next(self.server.lines) if more else {}
        self.over = self.over or line.get("cmd") == "cancel" and line.get("job") == self.number
        return self.over

def work(handlers, url=None, **members):  # Of `can_do`: spare=True, and ref=True for job.ref.
    address, attempts = parse_url(url or os.environ.get("DEPUTY_URL", "")), itertools.count(1)
    while True:
        try:
            server, attempts = Connection(address, next(attempts)), itertools.count(2)
            with contextlib.closing(server.lines):
                server.send(cmd="can_do", types=list(handlers), max_jobs=1, **members)
                for job in filter(lambda line: line.get("cmd") == "do", server.lines):
                    answer(server, job, handlers, os.getpid())  # On the connection that brought the job.
        except (OSError, AttributeError) as error: print("deputy:", error, file=sys.stderr, flush=True)

def answer(server, job, handlers, pid):
    try:
        if "code" in job: raise ValueError(f"the arg cannot be decoded: {job['err']}")
        res = handlers[job["type"]](job.get("arg"), Job(server, job))
        return server.send(cmd="did", job=job["job"], res=res) if os.getpid() == pid else sys.exit()
    except BaseException as error:  # Also sys.exit and endless recursion.
        if isinstance(error, KeyboardInterrupt) or os.getpid() != pid: raise  # The second: a child that it forked.
        err = "".join(traceback.format_exception_only(type(error), error)).strip()
        server.send(cmd="did", job=job["job"], err=err[:min(1000, (server.line_max - 64) // 12)])

def nap(arg, job):  # To try it out: sleeps for arg["seconds"], or until it is cancelled, and gives arg back.
    end = time.monotonic() + arg["seconds"]
    if arg.get("report"): job.progress({"attempt": job.attempt, "ref": job.ref})
    while time.monotonic() < end and not job.cancelled(): time.sleep(0.02)
    return arg

if __name__ == "__main__":
    (what, kind, *args), client, members = sys.argv[1:], Client(), json.loads(os.environ.get("MEMBERS", "{}"))
    if what == "work": work({kind: nap}, **members)
    show = members.pop("progress", None) and (lambda data: print("progress:", json.dumps(data), file=sys.stderr))
    futures = [client.submit(kind, json.loads(arg), show, lambda: os.write(2, b"stored\n"), **members) for arg in args]
    for future in futures if what == "cancel" else []: client.cancel(future)
    for future in futures: print(json.dumps(future.result()), flush=True)
