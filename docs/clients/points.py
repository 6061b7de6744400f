"""The points of README.md's checklist: names, what they are, and functions that raise if a client is wrong."""
import socket

from fake_server import Wrong

POINTS = {}
SLOW = set()
LINE_MAX = 16 << 20  # The server's default.
NUMBER_MAX = 2**53 - 1
TEXT = 'näh, \u20ac \U0001f600 "\\/\b\f\n\r\t\x7f\u2028'
BIG = "big and \u20ac, " * 20_000


def point(what, unix=False, slow=False):
    """A check of one point: a function that is given a server, and raises if the client is wrong."""
    def add(check):
        name = check.__name__.replace("_", "-")
        POINTS[name] = (what, check, unix)
        if slow:
            SLOW.add(name)
        return check
    return add


def endless(connection):
    """Says a line without end, until the client has had enough; Wrong if it never has."""
    connection.end.settimeout(connection.patience)
    try:
        for _ in range(4 * LINE_MAX >> 16):
            connection.end.sendall(b'{"cmd":"did' + b" " * (1 << 16))
    except socket.timeout as error:
        raise Wrong("it stopped reading a long line, and stayed") from error
    except OSError:
        return
    raise Wrong(f"it read a line of {4 * LINE_MAX >> 20} MiB")
