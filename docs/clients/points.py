"""The points of README.md's checklist: their names, what they check, and functions that raise if a client is wrong."""
import socket

from fake_server import Wrong

POINTS = {}
SLOW = set()
LINE_MAX = 16 << 20  # The server's default.
NUMBER_MAX = 2**53 - 1
TEXT = 'näh, \u20ac \U0001f600 "\\/\b\f\n\r\t\x7f\u2028'
# JSON that some languages cannot decode, or cannot encode again.
ODD = ["9" * 5000, "1e400", "-1e400", '"\\ud800"', '"\\u0000"', '{"\\u0000a":1}', '{"":1,"__proto__":2}', '{"a":1,"a":2}',
       "[" * 100 + "]" * 100, "-0.0", "1e-400", "0.1000000000000000055511151231257827", '"\\ufeff\\uffff"']
DEEP = '[{"a":' * 64 + "1" + "}]" * 64  # One level too many: the server takes 128, and the line is the first.
BIG = "big and \u20ac, " * 20_000


def point(what, unix=False, slow=False):
    """Adds the check of one point: a function that takes a server, and raises if the client is wrong."""
    def add(check):
        name = check.__name__.replace("_", "-")
        POINTS[name] = (what, check, unix)
        if slow:
            SLOW.add(name)
        return check
    return add


def endless(connection):
    """Sends a line without end, until the client closes the connection. Raises Wrong if it does not."""
    connection.end.settimeout(connection.patience)
    try:
        for _ in range(4 * LINE_MAX >> 16):
            connection.end.sendall(b'{"cmd":"did' + b" " * (1 << 16))
    except socket.timeout as error:
        raise Wrong("it stopped reading a long line, and stayed") from error
    except OSError:
        return
    raise Wrong(f"it read a line of {4 * LINE_MAX >> 20} MiB")
