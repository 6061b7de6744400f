"""Looks at the client's own end of a connection, for options that the server's end does not show. On Linux a program
can copy the sockets of the programs that it has started."""
import ctypes, glob, os, socket, stat, time

from fake_server import NotVisible, Wrong

PIDFD_GETFD = 438  # The number of a system call for which Python has no name.


def expect_option(connection, process, what, is_well):
    """Waits until the client's socket has an option, which `is_well` looks at."""
    end = time.monotonic() + min(connection.patience, 2)
    with _find(connection, process.pid) as theirs:
        while not is_well(theirs):
            if time.monotonic() > end:
                raise Wrong(f"its socket has no {what}")
            time.sleep(0.01)


def _find(connection, process):
    """Returns a copy of the socket at the other end. The process has it, or one that it has started."""
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        for process in _family(process):
            pidfd = os.pidfd_open(process)
            for number in os.listdir(f"/proc/{process}/fd"):
                copy = libc.syscall(PIDFD_GETFD, pidfd, int(number), 0)
                if copy < 0:
                    raise NotVisible(f"not permitted: {os.strerror(ctypes.get_errno())}")
                if _is_end_of(connection, copy):
                    os.close(pidfd)
                    return socket.socket(fileno=copy)
                os.close(copy)  # It may be a pipe whose end we wait for.
            os.close(pidfd)
    except (AttributeError, OSError) as error:
        raise NotVisible(f"this system does not show it: {error}") from error
    raise NotVisible("its socket was not found")


def _family(process):
    yield process
    for children in glob.glob(f"/proc/{process}/task/*/children"):
        with open(children, encoding="ascii") as file:
            for child in file.read().split():
                yield from _family(int(child))


def _is_end_of(connection, number):
    if not stat.S_ISSOCK(os.fstat(number).st_mode):
        return False
    with socket.socket(fileno=os.dup(number)) as theirs:
        return theirs.family == connection.end.family and theirs.getsockname() == connection.end.getpeername()
