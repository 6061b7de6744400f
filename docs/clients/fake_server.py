"""A Deputy server that does what a check asks of it: conformance.py tries clients with it. It listens at an address of
its own, sends lines whole, in pieces or in part, and closes connections at bad moments. It does not know jobs."""
import contextlib, json, os, signal, socket, struct, subprocess, sys, tempfile, time

if hasattr(sys, "set_int_max_str_digits"):
    sys.set_int_max_str_digits(0)  # A number may have any length here.


class Wrong(Exception):
    """Says what a client did, or did not do in time."""


class NotVisible(Exception):
    """Says why a point cannot be seen here."""


class Connection:
    """The server's end of a client's connection."""

    def __init__(self, end, patience, metrics):
        self.end, self.patience, self.metrics, self.unread = end, patience, metrics, b""
        self.end.settimeout(patience)
        if self.over_tcp():
            self.end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def over_tcp(self):
        return self.end.family != socket.AF_UNIX

    def send(self, *lines, piece=None, half=False):
        """Sends lines, dicts or bytes, in one write or in pieces of `piece` bytes. With `half` the last line is cut."""
        texts = [line if isinstance(line, bytes) else encode(line) for line in lines]
        said = b"\r\n".join(texts)[: -3 if half else None] + (b"" if half else b"\r\n")
        try:
            for at in range(0, len(said), piece or len(said)):
                self.end.sendall(said[at : at + (piece or len(said))])
                if piece:
                    time.sleep(0.0002)  # So that the client reads it in pieces, too. A client that does not is not wrong.
        except OSError:
            pass  # The client has closed the connection, and the check will notice that.

    def receive(self):
        """Returns the next line as a dict, or None at the end. Answers `ping` and `metrics`, and ignores empty lines."""
        while True:
            text = self._line()
            if text is None:
                return None
            if not text.strip():
                continue
            line = decode(text)
            if line.get("cmd") == "ping":
                self.send({"cmd": "pong"})
            elif line.get("cmd") == "metrics":
                self.send({"cmd": "metrics", "metrics": self.metrics})
            else:
                return line

    def expect(self, *cmds):
        """Returns the next line, which must be of one of these kinds."""
        line = self.receive()
        if line is None:
            raise Wrong(f"it closed the connection, where a {' or '.join(cmds)} was to come")
        if line.get("cmd") not in cmds:
            raise Wrong(f"it sent {short(line)}, where a {' or '.join(cmds)} was to come")
        return line

    def expect_progress(self, job, data):
        """Raises unless the next line is the progress of this job, a `do`. It may have more members than `data`."""
        line = self.expect("progress")
        got = line.get("data") if isinstance(line.get("data"), dict) else {}
        if not same(line.get("job"), job["job"]) or not same({name: got.get(name) for name in data}, data):
            raise Wrong(f"it sent {short(line)}, where the progress {short(data)} of job {job['job']} was to come")

    def expect_end(self):
        """Waits until the client closes the connection, whatever it sends before."""
        while self.receive() is not None:
            pass

    def reset(self):
        """Ends it so that the client's next read or write fails."""
        self.end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.end.close()

    def _line(self):
        while b"\n" not in self.unread:
            try:
                more = self.end.recv(1 << 16)
            except socket.timeout as error:
                raise Wrong(f"it sent nothing more for {self.patience:g} s") from error
            except OSError:
                more = b""
            if not more:
                return None
            self.unread = self.unread + more
        line, self.unread = self.unread.split(b"\n", 1)
        return line[:-1] if line.endswith(b"\r") else line


class Fake:
    """Listens, and runs the client under test against itself."""

    def __init__(self, command, patience, unix=False):
        self.command, self.patience, self.processes, self.connections = command, patience, [], []
        self.metrics = {"up_since": 1, "version": "fake"}
        self.folder = tempfile.TemporaryDirectory()
        self.listener = socket.socket(socket.AF_UNIX if unix else socket.AF_INET)
        path = os.path.join(self.folder.name, "deputy.sock")
        self.listener.bind(path if unix else ("127.0.0.1", 0))
        self.url = f"unix:{path}" if unix else "tcp://127.0.0.1:%d" % self.listener.getsockname()[1]
        self.listener.settimeout(patience)
        self.listener.listen(16)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for end in [self.listener, *self.connections]:
            end.close()
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # And what it has started.
            process.wait()
            process.stdout.close()
            process.stderr.close()
        self.folder.cleanup()

    def run(self, *words, args=(), url=None, members=None):
        """Starts the client with these words, and these args as JSON. Its DEPUTY_URL is `url`, or the server's own.
        `members` are for each of its `do`, or for its `can_do`."""
        words = [*words, *(encode(arg) for arg in args)]
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        environment = dict(os.environ, DEPUTY_URL=self.url if url is None else url)
        environment.pop("MEMBERS", None)
        if members is not None:
            environment["MEMBERS"] = encode(members)
        process = subprocess.Popen([*self.command, *words], env=environment, start_new_session=True, **pipes)
        self.processes.append(process)
        return process

    def accept(self):
        """Returns the client's next connection."""
        try:
            end = self.listener.accept()[0]
        except socket.timeout as error:
            raise Wrong(f"it did not connect for {self.patience:g} s") from error
        self.connections.append(end)
        return Connection(end, self.patience, self.metrics)

    def start_worker(self, members=None):
        """Starts the client as a worker, with these members for its `can_do`, and returns its first connection."""
        self.run("work", "try", members=members)
        return self.worker(members=members)

    def worker(self, type_name="try", members=None):
        """Returns the next connection, on which the worker has sent `can_do` with these members."""
        connection = self.accept()
        line = connection.expect("can_do")
        if line.get("types") != [type_name]:
            raise Wrong(f"it can do {short(line.get('types'))}, and not {type_name}")
        if not same({name: line.get(name) for name in members or {}}, members or {}):
            raise Wrong(f"it sent {short(line)}, where {short(members)} was to come beside the usual members")
        slots = line.get("max_jobs")
        if not isinstance(slots, int) or isinstance(slots, bool) or not 1 <= slots <= 65_535:
            raise Wrong(f"its max_jobs is {short(slots)}, so that its jobs are not numbered")
        connection.slots = slots
        return connection

    def ended(self, process):
        """Returns its exit code, the lines of its stdout, and its stderr."""
        try:
            stdout, stderr = process.communicate(timeout=self.patience)
        except subprocess.TimeoutExpired as error:
            raise Wrong(f"it did not end for {self.patience:g} s") from error
        return process.returncode, stdout.decode().split("\n")[:-1], stderr.decode(errors="replace")

    def expect_results(self, process, results, progress=(), stored=None):
        """Raises unless it prints these, one per line, and exits with 0. The lines of each list in `progress`, which are
        those of one job, come to stderr in their order, and so many that begin with `stored`, if a number is given."""
        code, lines, stderr = self.ended(process)
        if code != 0:
            raise Wrong(f"it exited with {code}: {stderr.strip()[-200:]}")
        got = [decode(line.encode(), anything=True) for line in lines]
        if not same(got, results):
            raise Wrong(f"it printed {short(got)}, and not {short(results)}")
        reported = [line[len("progress:") :] for line in stderr.split("\n") if line.startswith("progress:")]
        reported = [decode(data.encode(), anything=True) for data in reported]
        of_job = [[data for data in reported if any(same(data, one) for one in job)] for job in progress]
        if not same(of_job, list(progress)) or len(reported) != sum(map(len, progress)):
            raise Wrong(f"it reported the progress {short(reported)}, and not {short(progress)}")
        if stored is not None and (count := ("\n" + stderr).count("\nstored")) != stored:
            raise Wrong(f"it reported {count} stored jobs, and not {stored}: {stderr.strip()[-200:]}")

    def expect_error(self, process, *words):
        """Raises unless it exits with 1, prints no result, and writes these words to stderr."""
        code, lines, stderr = self.ended(process)
        if code != 1:
            raise Wrong(f"it exited with {code}, and not with 1")
        if lines:
            raise Wrong(f"it printed {short(lines)} as if that were a result")
        for word in words:
            if word not in stderr:
                raise Wrong(f"{word!r} is not in what it said on stderr: {stderr.strip()[-200:]}")


def encode(value):
    """Returns JSON as the server writes it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def decode(text, anything=False):
    """Decodes a client's line, which must be JSON that the server takes."""
    try:
        if b"\r" in text:
            raise ValueError("a CR in the middle of a line")
        value = json.loads(text.decode(), parse_constant=lambda name: float("no JSON: " + name))
    except ValueError as error:
        raise Wrong(f"it sent {short(text)}: {error}") from error
    if not anything and not isinstance(value, dict):
        raise Wrong(f"it sent {short(value)}, which is no object")
    return value


def same(a, b):
    """Returns whether two values are the same JSON. Here 1 is not true."""
    return json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)


def short(value):
    text = value.decode(errors="replace") if isinstance(value, bytes) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 120 else f"{text[:100]}... ({len(text)} characters)"
