"""Deputy's client for Python (3.8 or later) in one file, to copy. The server is `url`, or DEPUTY_URL.
    Client().submit("resize", {"photo": "cat.png"}).result(60)  # A Future. JobError(code, err) if there is no result.
    work({"resize": resize})  # Never returns. It does one job at a time: run as many processes as you have cores."""
import concurrent.futures, contextlib, itertools, json, os, random, socket, sys, threading, time
LINE_MAX = 16 << 20  # The longest line that the server takes by default. What it passes on is a little longer.
# A server that is gone without a word is found within a minute, whether it is silent or does not acknowledge.
OPTIONS = {"TCP_NODELAY": 1, "TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 60_000}

class JobError(Exception):
    """The server's code and the error. With the code "lost" the job may have been done or not."""

def connect(url, attempt):
    if attempt > 1:  # Pauses double up to 10 s, and programs that lost the same server do not come back as one.
        time.sleep(random.uniform(0.5, 1) * min(0.05 * 2 ** min(attempt, 9), 10))
    url = url or os.environ.get("DEPUTY_URL", "tcp://127.0.0.1:11746")
    if url.startswith("unix:"):
        server = socket.socket(socket.AF_UNIX)
        server.connect(url[len("unix:"):])
    else:
        host, port = url[len("tcp://"):].rsplit(":", 1)
        server = socket.create_connection((host.strip("[]"), int(port)), timeout=5)
        server.settimeout(None)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name in filter(lambda name: hasattr(socket, name), OPTIONS):
            server.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), OPTIONS[name])
    return server

def encode(**line):
    text = json.dumps(line, allow_nan=False).encode()
    if len(text) > LINE_MAX:
        raise ValueError("the line would be longer than the server takes")
    return text + b"\n"

def lines(server):
    """What the server says until the connection is lost. A line that is cut off or too long ends it as well."""
    with server, server.makefile("rb") as file, contextlib.suppress(OSError, ValueError):
        while (line := file.readline(LINE_MAX + 1024)).endswith(b"\n"):
            yield json.loads(line)

class Client:
    """Submits jobs, from any number of threads. It connects when it has to; OSError if it cannot."""
    def __init__(self, url=None):
        self.url, self.server, self.attempt = url, None, 0
        self.lock, self.ids, self.waiting = threading.Lock(), itertools.count(1), {}

    def submit(self, type, arg=None):
        id, future = next(self.ids), concurrent.futures.Future()
        line = encode(cmd="do", id=id, type=type, arg=arg)
        with self.lock:
            if not self.server:
                self.attempt += 1
                self.server = connect(self.url, self.attempt)
                threading.Thread(target=self.read, args=[self.server], daemon=True).start()
            self.waiting[id] = future
            with contextlib.suppress(OSError):  # `read` finds it out as well, and fails all that wait.
                self.server.sendall(line)
        return future

    def read(self, server):
        for line in lines(server):
            self.attempt = 1
            future = self.waiting.pop(line["id"], None) if line.get("cmd") == "did" else None
            if future and "code" in line:
                future.set_exception(JobError(line["code"], line.get("err")))
            elif future:
                future.set_result(line.get("res"))
        with self.lock:
            lost, self.waiting, self.server = self.waiting, {}, None
        for future in lost.values():
            future.set_exception(JobError("lost", "the connection was lost before the answer came"))

def work(handlers, url=None):
    attempt = 0
    while True:
        try:
            attempt += 1
            server = connect(url, attempt)
            server.sendall(encode(cmd="can_do", types=list(handlers), max_jobs=1) + encode(cmd="ping"))
            for job in lines(server):
                attempt = 1  # Not before: what accepts and closes at once is to be tried more and more seldom, too.
                if job.get("cmd") == "do":
                    try:
                        answer = encode(cmd="did", job=job["job"], res=handlers[job["type"]](job.get("arg")))
                    except Exception as error:
                        answer = encode(cmd="did", job=job["job"], err=f"{type(error).__name__}: {error}"[:1000])
                    server.sendall(answer)  # On the connection that brought the job, and on no other.
        except OSError as error:
            print("deputy:", error, file=sys.stderr, flush=True)

if __name__ == "__main__":
    what, type_name, *args = sys.argv[1:]
    if what == "work":  # To try it out: sleeps for arg["seconds"], and gives arg back.
        work({type_name: lambda arg: time.sleep(arg["seconds"]) or arg})
    client = Client()
    try:
        for future in [client.submit(type_name, json.loads(arg)) for arg in args]:
            print(json.dumps(future.result()))
    except (JobError, OSError) as error:
        sys.exit(f"deputy: {error}")
