"""Deputy's client for Python (3.8 or later) in one file, to copy. The server is `url`, or DEPUTY_URL.
    Client().submit("resize", {"photo": "cat.png"}).result(60)  # A Future. JobError(code, err) if the job failed.
    work({"resize": resize})  # Never returns. It does one job at a time: run as many processes as there are cores."""
import concurrent.futures, contextlib, itertools, json, os, random, re, socket, sys, threading, time, traceback
# With these options a connection ends within a minute when its server is gone without a word.
OPTIONS = {"TCP_NODELAY": 1, "TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 60_000}
URL = re.compile(r"unix:(?://(?=/))?(/?[^/].*)|(?:tcp://)?(?:((?:[A-Za-z_]|[0-9]+[A-Za-z._-])[A-Za-z0-9._-]*)|"
                 r"\[([0-9A-Fa-f]*:[0-9A-Fa-f:.]*(?:%[A-Za-z0-9._-]+)?)\])(?::([1-9][0-9]{0,4}))?/?", re.DOTALL)
NO_BRACKET, SQUARE = bytes(set(range(256)) - set(b'[]{}"')), bytes.maketrans(b"{}", b"[]")
# The answer's id, or the job's number. In the server's own lines they come before what may be undecodable.
NUMBER = re.compile(rb'{"cmd":"(?:did","id":([0-9]+)|do",.*?"job":([0-9]+))[,}]')

class JobError(Exception):
    """The server's code and the error. With the code "lost" the job may have been done or not."""

def parse_url(url):  # Returns the path of a UNIX socket, or host and port.
    match = URL.fullmatch(url.strip(" \t\r\n") or "127.0.0.1")
    if not match or int(match[4] or 0) > 65535:
        raise ValueError(f"{url!r} names no server: write tcp://HOST:PORT, HOST:PORT or unix:/PATH")
    return match[1] or (match[2] or match[3], int(match[4] or 11746))

class Connection:
    def __init__(self, address, attempt):  # Pauses differ between programs that lost the same server.
        time.sleep(random.uniform(0.5, 1) * min(0.05 * 2 ** min(attempt, 9), 10) if attempt > 1 else 0)
        self.waiting, self.broken = {}, False
        self.line_max, self.lines = 16 << 20, self.receive(address, isinstance(address, tuple))
        self.line_max = next(line["metrics"].get("max_line", 16 << 20) for line in self.lines if "metrics" in line)
        self.socket.settimeout(None)

    def receive(self, address, over_tcp):  # Yields the server's lines. A line that does not end ends the connection.
        with socket.create_connection(address, 5) if over_tcp else socket.socket(socket.AF_UNIX) as self.socket:
            self.socket.settimeout(10)
            if not over_tcp:
                self.socket.connect(address)
            elif self.socket.getsockname() == self.socket.getpeername():
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # Frees it at once.
                raise ConnectionError("no server listens at this port: TCP connected it to itself")
            else:
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                for name in filter(lambda name: hasattr(socket, name), OPTIONS):
                    self.socket.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), OPTIONS[name])
            self.send(cmd="metrics")
            with self.socket.makefile("rb") as file:
                while (text := file.readline(self.line_max + 1024)).endswith(b"\n"):  # The server adds a little.
                    try:
                        line = json.loads(text)
                    except (ValueError, RecursionError) as why:  # It fails one job: a number of 5,000 digits, say.
                        id, job = (int(number or 0) for number in NUMBER.match(text).groups())
                        line = dict(cmd="did" if id else "do", id=id, job=job, code="undecodable", err=str(why))
                    yield line
            raise ConnectionError("the server closed the connection")

    def send(self, **line):  # ValueError or TypeError if the server could not read it.
        text = json.dumps(line, allow_nan=False, separators=(",", ":")).encode()
        bare = text.replace(rb"\\", b"").replace(rb'\"', b"").translate(SQUARE, NO_BRACKET)
        brackets = b"".join(bare.split(b'"')[::2])  # Those outside of strings.
        for _ in range(128):  # Each time without the innermost.
            brackets = brackets.replace(b"[]", b"")
        if brackets or len(text) > self.line_max:
            raise ValueError(f"the line is longer than {self.line_max} bytes, or nests deeper than 128 levels")
        try:
            self.socket.sendall(text + b"\n")
        except BaseException as error:  # A part of the line may be out, and nothing may follow it.
            self.broken = True
            with contextlib.suppress(OSError):
                self.socket.shutdown(socket.SHUT_RDWR)
            if not isinstance(error, OSError):  # `receive` notices that one as well.
                raise

class Client:  # Submits jobs, from any number of threads. It connects when it has to. OSError if it cannot.
    def __init__(self, url=None):
        self.address, self.ids = parse_url(url or os.environ.get("DEPUTY_URL", "")), itertools.count(1)
        self.server, self.locks, self.pid = None, {}, None

    def submit(self, type, arg=None):
        id, future, pid = next(self.ids), concurrent.futures.Future(), os.getpid()
        with self.locks.setdefault(pid, threading.RLock()):
            if self.pid != pid:  # After a fork the connection and its futures are the parent's.
                self.server = self.server and os.close(self.server.socket.detach())
                self.pid, self.attempt = pid, 0
            if not self.server or self.server.broken:
                self.attempt += 1
                server, self.attempt = Connection(self.address, self.attempt), 1
                threading.Thread(target=self.read, args=[server], daemon=True).start()
                self.server = server
            self.server.waiting[id] = future
            try:
                self.server.send(cmd="do", id=id, type=type, arg=arg)
            except (TypeError, ValueError, RecursionError) as error:
                self.server.waiting.pop(id).set_exception(error)
        return future

    def read(self, server):
        with contextlib.suppress(Exception):
            for line in server.lines:
                settle(server.waiting, line)
        with self.locks[self.pid]:
            self.server = None if self.server is server else self.server
        for id in list(server.waiting):
            settle(server.waiting, {"cmd": "did", "id": id, "code": "lost", "err": "the connection was lost"})

def settle(waiting, did):
    with contextlib.suppress(BaseException):  # Whatever a callback of the future raises, reading goes on.
        if did["cmd"] == "did" and (job := waiting.pop(did["id"])).set_running_or_notify_cancel():
            code, err, res = map(did.get, ("code", "err", "res"))
            job.set_exception(JobError(code, err)) if "code" in did else job.set_result(res)

def work(handlers, url=None):
    address, attempt = parse_url(url or os.environ.get("DEPUTY_URL", "")), 0
    while True:
        try:
            attempt += 1
            server, attempt = Connection(address, attempt), 1
            with contextlib.closing(server.lines):
                server.send(cmd="can_do", types=list(handlers), max_jobs=1)
                for job in filter(lambda line: line.get("cmd") == "do", server.lines):
                    answer(server, job, handlers, os.getpid())  # On the connection that brought the job.
        except (OSError, AttributeError) as error:  # AttributeError: what came is neither JSON nor a job.
            print("deputy:", error, file=sys.stderr, flush=True)

def answer(server, job, handlers, pid):
    try:
        if "code" in job: raise ValueError(f"the arg cannot be decoded: {job['err']}")
        res = handlers[job["type"]](job.get("arg"))
        return server.send(cmd="did", job=job["job"], res=res) if os.getpid() == pid else sys.exit()
    except BaseException as error:  # Also sys.exit and endless recursion.
        if isinstance(error, KeyboardInterrupt) or os.getpid() != pid:  # A child that the handler forked.
            raise
        err = "".join(traceback.format_exception_only(type(error), error)).strip()
        server.send(cmd="did", job=job["job"], err=err[:min(1000, (server.line_max - 64) // 12)])

if __name__ == "__main__":
    what, kind, *args = sys.argv[1:]
    if what == "work":  # To try it out: sleeps for arg["seconds"], and gives arg back.
        work({kind: lambda arg: time.sleep(arg["seconds"]) or arg})
    client = Client()
    for future in [client.submit(kind, json.loads(arg)) for arg in args]:
        print(json.dumps(future.result()), flush=True)
