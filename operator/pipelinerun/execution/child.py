"""What runs in the child process of a ``SubprocessStrategy``: Ray and the pipeline on it."""

import io
import socket
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pipelinerun.api.job import PipelineJob
from pipelinerun.api.run import Outcome
from pipelinerun.engine.session import local_ray
from pipelinerun.execution import services
from pipelinerun.execution.driver import drive, within
from pipelinerun.execution.interruption import Interruption, exit_within
from pipelinerun.execution.reporter import Reporter

_EXIT_SECONDS = 10.0


def main(channel: socket.socket, request: Mapping[str, str]) -> int:
    """Run the job of the request, report progress and outcome, return the exit code."""
    _flush_every_line()
    reporter, interruption = Reporter(channel), Interruption()
    job = PipelineJob.model_validate_json(request["job"])

    def run() -> Outcome:
        return drive(job, on_progress=reporter.progress, stopping=interruption.stopping)

    def settle(outcome: Outcome) -> Outcome:
        return reporter.outcome(interruption.applied_to(outcome))

    def run_with_services() -> Outcome:
        outcome = settle(within(_owned_services(), run))
        # Ray may have got the signal too, and its shutdown abort this process.
        interruption.leave(outcome.exit_code)
        return outcome

    def run_all() -> None:
        settle(within(local_ray(Path(request["workspace"])), run_with_services))

    # This thread stays free for signals; Ray, too, installs a handler when started in it.
    pipeline = threading.Thread(target=run_all, name="pipeline", daemon=True)
    pipeline.start()
    pipeline.join()
    code = settled(reporter).exit_code
    exit_within(_EXIT_SECONDS, code)
    return code
