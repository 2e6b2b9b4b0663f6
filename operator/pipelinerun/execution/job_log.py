"""The log of a job on a cluster: what the pipeline prints, and the reports in it."""

import threading
from collections.abc import Callable
from contextlib import suppress

from pipelinerun.api.status import Outcome, StageStatus
from pipelinerun.engine.log_follower import BYTES_OF_TAIL, end_of
from pipelinerun.execution import reports
from pipelinerun.execution.marked_lines import MarkedLines, Report
from pipelinerun.execution.options import ExecutionOptions
from pipelinerun.execution.output import writer_of


class JobLog:
    """Takes in a log, from its beginning each time it is read, and shows every line once.

    Attributes:
        ready: whether the job has begun to run the pipeline.
        outcome: that the job has told; None before.
        given_up: set when nobody waits for the rest of the log.
    """

    def __init__(self, options: ExecutionOptions, *, on_outcome: Callable[[], None]) -> None:
        self.ready = False
        self.outcome: Outcome | None = None
        self.given_up = threading.Event()
        self._stdout = options.stdout
        self._write = writer_of(options.stdout) if options.stdout is not None else bytes
        self._on_progress, self._on_outcome = options.on_progress, on_outcome
        self._stages: list[StageStatus] = []
        self._seen = self._known = 0
        self._lines = MarkedLines()
        self._recent = b""

    def begin(self) -> None:
        """The log is read from its beginning again."""
        self._known, self._seen = max(self._known, self._seen), 0

    def show(self, text: str) -> None:
        """The next piece of the log."""
        start, self._seen = self._seen, self._seen + len(text)
        for item in self._lines.feed(text[max(0, self._known - start) :]):
            if isinstance(item, str):
                self._print(item)
            else:
                self._take(item)

    def outcome_in(self, text: str) -> Outcome | None:
        """The outcome that a whole log tells."""
        items = (it for it in MarkedLines().feed(text) if not isinstance(it, str))
        told = next((it["outcome"] for it in items if "outcome" in it), None)
        return None if told is None else reports.outcome_of(told)

    def completed(self, outcome: Outcome) -> Outcome:
        """An outcome with what is known of stages and last lines besides."""
        if not outcome.stages:
            outcome = outcome.model_copy(update={"stages": self._stages})
        return outcome.with_tail(end_of(self._recent))

    def _print(self, text: str) -> None:
        data = text.encode()
        self._recent = (self._recent + data)[-BYTES_OF_TAIL:]
        if self.ready and self._stdout is not None:
            with suppress(OSError, ValueError):  # nobody reads it any more
                self._write(data)
                self._stdout.flush()

    def _take(self, report: Report) -> None:
        if "ready" in report:
            self.ready = True
            self._recent = b""  # how Ray prepared the job
        elif "progress" in report:
            self._stages = reports.stages_of(report["progress"])
            if self._on_progress is not None:
                self._on_progress(self._stages)
        elif "outcome" in report:
            self.outcome = reports.outcome_of(report["outcome"])
            self._on_outcome()
