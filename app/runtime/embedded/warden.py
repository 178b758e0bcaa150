"""Runs one server for as long as its owner lives. A process of its own, started by `process.py`.

    python warden.py UID GID COMMAND…       (UID and GID `-`: stay who we are)

Standard input is the owner's hold: when it closes, however the owner ended, the server is
crashed. Bytes on it are orders: `T` SIGTERM, `I` SIGINT, `K` crash. The first line on standard
output is the server's pid; standard error, the log file, becomes the server's output. The server
leads a session of its own, so Ctrl-C on the terminal does not reach it. Imports nothing of `app`:
it must start fast and run as a plain file.
"""

import ctypes
import os
import select
import signal
import subprocess
import sys
from contextlib import suppress

import psutil

PR_SET_PDEATHSIG = 1
ORDERS = {b"T": signal.SIGTERM, b"I": signal.SIGINT}


def crash(pid: int) -> None:
    """SIGKILL to a process and all it started, as one: it is stopped first, so nothing escapes."""
    with suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        root.suspend()
        for process in [*root.children(recursive=True), root]:
            with suppress(psutil.NoSuchProcess):
                process.kill()


def _die_with_the_warden() -> None:
    """In the server, after it changed its user and before exec (a later change would undo it)."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _spawn(uid: str, gid: str, command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - the command is the owner's
        command,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        stderr=sys.stderr,
        start_new_session=True,
        user=None if uid == "-" else int(uid),
        group=None if gid == "-" else int(gid),
        extra_groups=None if gid == "-" else [],
        preexec_fn=_die_with_the_warden if sys.platform == "linux" else None,
    )


def main(uid: str, gid: str, command: list[str]) -> int:
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    server = _spawn(uid, gid, command)
    os.write(1, b"%d\n" % server.pid)
    while server.poll() is None:
        ready, _, _ = select.select([0, woken], [], [])
        if woken in ready:
            os.read(woken, 64)
        elif order := ORDERS.get(os.read(0, 1)):
            server.send_signal(order)
        else:
            crash(server.pid)
            server.wait()
    return server.returncode & 0xFF


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
