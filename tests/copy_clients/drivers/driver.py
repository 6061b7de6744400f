"""Uses deputy.py as a program would: `driver.py CLIENT MODE ARGS...`. The modes are those of ../drivers.rs."""
import asyncio, importlib.util, os, signal, sys

sys.dont_write_bytecode = True
spec = importlib.util.spec_from_file_location("deputy", sys.argv[1])
deputy = importlib.util.module_from_spec(spec)
spec.loader.exec_module(deputy)


def urls(*values):
    for value in values:
        try:
            place = deputy.parse_url(value)
            print("unix " + place if isinstance(place, str) else "tcp %s %d" % place)
        except ValueError as error:
            print("error" if value.strip() in str(error) or repr(value) in str(error) else error)


def nest(levels):
    value = []
    for _ in range(levels):
        value = [value]
    return value


def recurse(arg, job):
    return recurse(arg, job)


class Mute(BaseException):
    def __str__(self):
        raise ValueError("no text")


def raises(error):
    raise error


def fork(arg, job):
    if os.fork() == 0:
        sys.exit(0)
    return arg


def fork_and_return(arg, job):
    os.fork()
    return arg


def work():
    deputy.work({
        "echo": lambda arg, job: arg,
        "nan": lambda arg, job: float("nan"),
        "infinity": lambda arg, job: [1e308 * 10],
        "deep": lambda arg, job: nest(200),
        "binary": lambda arg, job: b"\xff",
        "long": lambda arg, job: "x" * (17 << 20),
        "digits": lambda arg, job: 10**5000 if hasattr(sys, "get_int_max_str_digits") else float("nan"),
        "exit": lambda arg, job: sys.exit(),
        "recursion": recurse,
        "mute": lambda arg, job: raises(Mute()),
        "cancelled": lambda arg, job: raises(asyncio.CancelledError()),
        "unreadable-error": lambda arg, job: raises(ValueError("\udcff" * 2000)),
        "fork": fork,
        "fork-and-return": fork_and_return,
    })


def forked():
    client = deputy.Client()
    assert client.submit("echo", "before").result() == "before"
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        answers = [client.submit("echo", n) for n in range(100)]
        os._exit(0 if [answer.result() for answer in answers] == list(range(100)) else 1)
    answers = [client.submit("echo", -n) for n in range(100)]
    assert [answer.result() for answer in answers] == [-n for n in range(100)]
    assert os.waitpid(child, 0)[1] == 0
    print(client.submit("echo", "end").result())


def readers():
    client = deputy.Client()
    cancelled = client.submit("odd", 1)
    assert cancelled.cancel()
    exits = client.submit("odd", 2, progress=lambda _: sys.exit())
    exits.add_done_callback(lambda _: sys.exit())

    async def times_out():
        await asyncio.wait_for(asyncio.wrap_future(client.submit("odd", 3)), 0.01)

    try:
        asyncio.run(times_out())
    except asyncio.TimeoutError:
        pass
    print(client.submit("odd", 4).result())


def interrupted():
    def alarm(*_):
        raise RuntimeError("time is up")

    signal.signal(signal.SIGALRM, alarm)
    client = deputy.Client()
    try:
        client.submit("big", "x" * (15 << 20))
        sys.exit("it was not interrupted")
    except RuntimeError:
        pass
    print(client.submit("small", 1).result())


globals()[sys.argv[2]](*sys.argv[3:])
