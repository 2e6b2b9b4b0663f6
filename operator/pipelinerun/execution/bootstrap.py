"""First code of a child process: bind its life to the parent's, then run what it was started for.

Runs as a script, with the standard library alone, before anything slow is imported.
Arguments: the descriptor of the channel and the parent's pid. The parent sends one line of JSON
(``path``: its ``sys.path``, ``argv``, ``target``: an import path, ``request``: its argument); the
target is called with the channel and the request and returns the exit code.
"""

import ctypes
import json
import os
import pkgutil
import select
import signal
import socket
import sys
import threading
import traceback
from typing import Any

CANNOT_START = 125

_PR_SET_PDEATHSIG = 1
_CHECK_SECONDS = 1.0


def main() -> None:
    descriptor, parent = int(sys.argv[1]), int(sys.argv[2])
    os.set_inheritable(descriptor, False)  # no process started from here may hold it open
    channel = socket.socket(fileno=descriptor)
    die_with(parent, channel)
    # Until the target handles signals itself they end the process, without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
    with channel.makefile("rb") as lines:
        order = json.loads(lines.readline())
    sys.path[:], sys.argv[:] = order["path"], order["argv"]
    target = _load(order["target"], channel)
    send(channel, {"ready": True})
    sys.exit(target(channel, order["request"]))


def die_with(parent: int, channel: socket.socket) -> None:
    """Get SIGKILL as soon as the parent is gone, also when it already is.

    On Linux the kernel sees to it, once the *thread* that started this process ends. Elsewhere a
    thread watches the channel and the parent's pid.
    """
    if not _ask_kernel():
        threading.Thread(target=_watch, args=(parent, channel), daemon=True).start()
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def send(channel: socket.socket, message: dict[str, Any]) -> None:
    """Send one line of JSON to the parent."""
    channel.sendall(json.dumps(message).encode() + b"\n")


def _ask_kernel() -> bool:
    if sys.platform != "linux":
        return False
    prctl = ctypes.CDLL(None).prctl
    return bool(prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL), 0, 0, 0) == 0)


def _watch(parent: int, channel: socket.socket) -> None:
    """Kill the whole group when the parent closes the channel or is gone."""
    while os.getppid() == parent:
        readable, _, _ = select.select([channel], [], [], _CHECK_SECONDS)
        if readable and not channel.recv(1, socket.MSG_PEEK):
            break
    os.killpg(0, signal.SIGKILL)


def _load(path: str, channel: socket.socket) -> Any:
    try:
        return pkgutil.resolve_name(path)
    except Exception as error:  # noqa: BLE001 - the parent is told
        traceback.print_exc()
        failure = {
            "class": "Infrastructure",
            "exception": type(error).__name__[:256],
            "message": f"the pipeline's runtime could not be loaded: {error}"[:1024],
        }
        send(channel, {"outcome": {"exitCode": CANNOT_START, "failure": failure}})
        sys.exit(CANNOT_START)


if __name__ == "__main__":
    main()
