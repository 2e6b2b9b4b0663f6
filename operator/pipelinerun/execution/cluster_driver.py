"""The driver of a job on a Ray cluster: runs one pipeline, and tells in its log how that goes.

Runs as ``python -m``, in a folder with the job. Reports are marked lines of the log. What the one
who follows the job has to say is in the cluster's key-value store; when nothing is said for too
long, the job ends itself.
"""

import argparse
import json
import os
import shlex
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipelinerun.api.envelope import opened
from pipelinerun.api.job import PipelineJob
from pipelinerun.api.status import Outcome
from pipelinerun.execution.child import flush_every_line
from pipelinerun.execution.driver import drive, within
from pipelinerun.execution.interruption import Interruption, exit_within
from pipelinerun.execution.job_outcomes import lost
from pipelinerun.execution.marked_lines import marked
from pipelinerun.execution.reporter import Reporter

JOB = "job"
"""Name of the file with the job."""
_GRACE_SHARE = 0.9
"""A driver that ends itself can tell more than one that is killed."""
_LISTEN_SECONDS = 1.0
_EXIT_SECONDS = 10.0


def command(name: str, *, grace: float, patience: float) -> str:
    """What a job runs. ``exec``: its exit code is the driver's, and signals reach it."""
    words = ["python", "-m", __name__, name]
    words += ["--grace", str(grace), "--patience", str(patience)]
    return f"exec {shlex.join(words)}"


def word(voice: str, *, drain: bool) -> bytes:
    """What a driver is told: that somebody is there, by a voice that changes, and what to do."""
    return json.dumps({"voice": voice, "drain": drain}).encode()


def main() -> int:
    """Run the job that is in this folder."""
    given = _arguments()
    flush_every_line()
    reporter, interruption = Reporter(_write), Interruption(given.grace * _GRACE_SHARE)
    ear = _Ear(given.name, given.patience, interruption)
    outcomes: list[Outcome] = []

    def run() -> Outcome:
        job = PipelineJob.model_validate_json(opened(Path(JOB).read_text()))
        _write({"ready": True})
        started = time.monotonic()
        with ear.listening():
            outcome = drive(
                job,
                on_progress=reporter.progress,
                stopping=interruption.stopping,
                draining=ear.draining,
            )
        outcome = ear.applied_to(interruption.applied_to(outcome))
        outcome = outcome.model_copy(update={"elapsed_seconds": time.monotonic() - started})
        if interruption.stopping.is_set():
            reporter.outcome(outcome)
            os._exit(outcome.exit_code)  # nothing is worth tidying up
        return outcome

    def run_on_ray() -> None:
        from pipelinerun.engine.cluster import cluster_ray  # noqa: PLC0415 - loads Ray

        outcomes.append(reporter.outcome(within(cluster_ray(), run)))

    # This thread stays free for signals; Ray, too, installs a handler when started in it.
    pipeline = threading.Thread(target=run_on_ray, name="pipeline", daemon=True)
    pipeline.start()
    pipeline.join()
    code = outcomes[0].exit_code
    exit_within(_EXIT_SECONDS, code)
    return code


class _Ear:
    """Hears what the one who follows the job says.

    Attributes:
        draining: set when the sources are to end.
    """

    def __init__(self, job: str, patience: float, interruption: Interruption) -> None:
        self._job, self._patience, self._interruption = job, patience, interruption
        self.draining = threading.Event()
        self._alone = False
        self._ended = threading.Event()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen while a block lasts."""
        thread = threading.Thread(target=self._listen, name="ear", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()

    def applied_to(self, outcome: Outcome) -> Outcome:
        """An outcome in the light of what was heard."""
        if not self._alone or not outcome.exit_code:
            return outcome
        return self._left_alone().model_copy(update={"stages": outcome.stages})

    def _left_alone(self) -> Outcome:
        return lost(f"nobody has followed the job for {self._patience:.0f} s")

    def _listen(self) -> None:
        from pipelinerun.engine.job_client import forget_word, word_left  # noqa: PLC0415

        last: bytes | None = None
        heard = time.monotonic()
        while not self._ended.wait(_LISTEN_SECONDS):
            said = _tolerant(word_left, self._job)
            if said is not None and said != last:
                last, heard = said, time.monotonic()
                if json.loads(said)["drain"]:
                    self.draining.set()
            if time.monotonic() - heard > self._patience:
                self._alone = True
                sys.stderr.write(f"Nobody has followed this job for {self._patience:.0f} s.\n")
                self._interruption.end()
                return
        _tolerant(forget_word, self._job)


def _tolerant(call: Callable[[str], bytes | None], job: str) -> bytes | None:
    """A cluster whose store does not answer may be about to come back."""
    try:
        return call(job)
    except Exception:  # noqa: BLE001 - Ray's own say little: its client raises what it likes
        return None


def _write(report: Mapping[str, Any]) -> None:
    """At once, so that no line of another process gets into it."""
    sys.stdout.flush()
    os.write(sys.stdout.fileno(), marked(report))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=f"python -m {__name__}", description=__doc__)
    parser.add_argument("name", help="of the job")
    parser.add_argument(
        "--grace", type=float, required=True, help="seconds from SIGTERM to the end"
    )
    parser.add_argument("--patience", type=float, required=True, help="seconds without a word")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
