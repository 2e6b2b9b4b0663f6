"""What runs in the child process of a ``SubprocessStrategy``: Ray and the pipeline on it.

Loads little before Ray is on its way: starting it takes longest, and is mostly waiting.
"""

import io
import json
import socket
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelinerun.engine.session import local_ray
from pipelinerun.execution import services
from pipelinerun.execution.bootstrap import send
from pipelinerun.execution.driver import drive, within
from pipelinerun.execution.interruption import Interruption, exit_within
from pipelinerun.execution.reporter import Reporter

if TYPE_CHECKING:
    from pipelinerun.api.status import Outcome

_EXIT_SECONDS = 10.0


def main(channel: socket.socket, request: Mapping[str, Any]) -> int:
    """Run the job of the request, report progress and outcome, return the exit code."""
    flush_every_line()
    reporter, interruption = Reporter(partial(send, channel)), Interruption(request["grace"])
    draining = threading.Event()
    threading.Thread(target=_listen, args=(channel, draining), name="ears", daemon=True).start()

    verdict = json.loads(request["job"]).get("verdict")  # finally stages need no Ray

    def run() -> "Outcome":
        from pipelinerun.api.job import PipelineJob  # noqa: PLC0415 - loaded while Ray started

        ray_is_up.set()
        return drive(
            PipelineJob.model_validate_json(request["job"]),
            on_progress=reporter.progress,
            stopping=interruption.stopping,
            draining=draining,
        )

    def settle(outcome: "Outcome") -> "Outcome":
        return reporter.outcome(interruption.applied_to(outcome))

    def run_with_services() -> "Outcome":
        outcome = settle(within(_owned_services(), run))
        # The signal may have reached Ray too, whose shutdown would then abort this process.
        interruption.leave(outcome.exit_code)
        return outcome

    def run_on_ray() -> None:
        ray = nullcontext() if verdict else local_ray(Path(request["workspace"]))
        try:
            outcomes.append(settle(within(ray, run_with_services)))
        finally:
            ray_is_up.set()  # or never will be

    # This thread stays free for signals; Ray, too, installs a handler when started in it.
    outcomes: list[Outcome] = []
    ray_is_up = threading.Event()
    pipeline = threading.Thread(target=run_on_ray, name="pipeline", daemon=True)
    pipeline.start()
    ray_is_up.wait()
    interruption.listen()
    pipeline.join()
    exit_within(_EXIT_SECONDS, outcomes[0].exit_code)
    return outcomes[0].exit_code


def _listen(channel: socket.socket, draining: threading.Event) -> None:
    """Hear what the parent says after its order."""
    with suppress(OSError), channel.makefile("rb") as lines:
        for line in lines:
            if json.loads(line).get("drain"):
                draining.set()


@contextmanager
def _owned_services() -> Iterator[None]:
    with services.started(services.owned()):
        yield


def flush_every_line() -> None:
    """Let others see a line of this process as soon as it is complete."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True)
