"""Record the terminal session of the README: real commands, a real API server, a real operator.

The control plane, the operator and its Ray are made for it, and gone afterwards. What is shown is
what the commands print; only the typing is ours, and long waits are cut when the picture is drawn.
"""

import codecs
import json
import os
import pty
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.bootstrap import find_uv
from tests.cluster.controlplane import ControlPlane
from tests.support.operator import OperatorProcess

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "assets" / "recording.svg"
COLUMNS, LINES = 80, 40
COMMANDS = (
    "pipelinerun submit examples/text/run.yaml",
    "pipelinerun watch text",
    "pipelinerun submit examples/failing/run.yaml --wait; echo exit code $?",
    "pipelinerun list",
)
_DRAWER = "termtosvg-ng@1.4.1"
_PROMPT = "\x1b[32m$\x1b[0m "
_KEY, _READING = 0.05, 2.5
_LONGEST = "2500"
"""Milliseconds that a picture stays the same at most."""


def main() -> int:
    with tempfile.TemporaryDirectory() as folder, started(Path(folder)) as kubeconfig:
        environment = {
            **os.environ,
            "KUBECONFIG": str(kubeconfig),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "TERM": "xterm-256color",
        }
        cast = Path(folder) / "session.cast"
        cast.write_text("\n".join(json.dumps(it) for it in session(environment)) + "\n")
        draw = [str(find_uv()), "tool", "run", _DRAWER, "render", str(cast), str(PICTURE)]
        options = ["--template", "window_frame", "--max-frame-duration", _LONGEST]
        subprocess.run([*draw, *options, "--loop-delay", "6000"], check=True)
    return 0


@contextmanager
def started(folder: Path) -> Iterator[Path]:
    """A cluster whose operator is ready; gives the credentials of a user."""
    with ControlPlane() as plane:
        plane.kubectl("apply", "-f", str(ROOT / "crds"))
        plane.wait_established("crd/pipelineruns.pipelinerun.dev")
        options = ["--in-process-namespace", "default"]
        operator = OperatorProcess(plane.kubeconfig, folder / "operator.log", *options)
        operator.start()
        try:
            # Its Ray is warm once it has had a run.
            plane.kubectl("apply", "-f", str(ROOT / "examples" / "hello.yaml"))
            plane.kubectl("wait", "prun/hello", "--for=condition=Succeeded", "--timeout=5m")
            plane.kubectl("delete", "prun/hello")
            yield plane.kubeconfig
        finally:
            operator.stop()


def session(environment: dict[str, str]) -> Iterator[object]:
    """The session in the form of asciinema: a head, then when what was written."""
    yield {"version": 2, "width": COLUMNS, "height": LINES}
    now = 0.0
    for command in COMMANDS:
        yield now, "o", _PROMPT
        for key in command:
            now += _KEY
            yield now, "o", key
        now += 10 * _KEY
        yield now, "o", "\r\n"
        began = time.monotonic()
        for moment, text in printed(command, environment):
            yield now + moment, "o", text
        now += time.monotonic() - began
        now += _READING
    yield now, "o", _PROMPT


def printed(command: str, environment: dict[str, str]) -> Iterator[tuple[float, str]]:
    """Run a command in a terminal; gives what it writes, and after how many seconds."""
    ours, its = pty.openpty()
    size = f"stty rows {LINES} cols {COLUMNS}; "
    began = time.monotonic()
    with subprocess.Popen(
        ["bash", "-c", size + command], cwd=ROOT, env=environment, stdin=its, stdout=its, stderr=its
    ):
        os.close(its)
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            while written := os.read(ours, 65536):
                yield time.monotonic() - began, decoder.decode(written)
        except OSError:  # its other end is closed
            pass
        finally:
            os.close(ours)


if __name__ == "__main__":
    sys.exit(main())
