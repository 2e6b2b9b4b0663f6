"""How a run on a cluster is shown while it goes on."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from pipelinerun.api.status import PipelineRunStatus, StageStatus
from pipelinerun.cli.cluster.bars import bar_table
from pipelinerun.cli.cluster.ending import where
from pipelinerun.cli.cluster.reading import Body, is_finished, status_of
from pipelinerun.cli.progress import LineReporter
from pipelinerun.cli.rates import Rates
from pipelinerun.cli.render import finally_table
from pipelinerun.core.timestamps import parse_time


class View(Protocol):
    """Shows a run."""

    def update(self, run: Body) -> None:
        """Show the run as it is now."""

    def tell(self, text: str) -> None:
        """Say something else."""


@contextmanager
def view_on() -> Iterator[View]:
    """A view on the standard output that suits it."""
    console = Console(file=sys.stdout, highlight=False)
    if not sys.stdout.isatty() or console.is_dumb_terminal:
        yield Lines(console)
        return
    table = Table(console)
    with table.live:
        yield table


class Table:
    """A table at the bottom of a terminal, which stays when it is over."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._spinner = Spinner("dots")
        self._run: Body | None = None
        self._status = PipelineRunStatus()
        self._rates, self._current = Rates(), dict[str, float]()
        self.live = Live(
            get_renderable=self.renderable,
            console=console,
            refresh_per_second=8,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def update(self, run: Body) -> None:
        """See ``View``."""
        status = status_of(run)
        if status.attempt != self._status.attempt:
            self._rates = Rates()
        self._current = self._rates.observe(status.stages, time.monotonic())
        self._run, self._status = run, status

    def tell(self, text: str) -> None:
        """See ``View``."""
        self._console.print(text, markup=False, soft_wrap=True)

    def renderable(self) -> RenderableType:
        """What is shown at the moment."""
        if self._run is None:
            return ""
        status = self._status
        parts: list[RenderableType] = []
        if status.stages:
            parts.append(bar_table(status.stages, self._current))
        if status.finally_ is not None and status.finally_.stages:
            parts += [Text(), finally_table(status.finally_.stages)]
        if not is_finished(self._run):
            self._spinner.update(text=f"{_seconds(status)}{where(self._run)}")
            parts += [Text(), self._spinner]
        return Group(*parts)


class Lines:
    """A line for each change."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._where = ""
        self._attempt: int | None = None
        self._stages = LineReporter(console)
        self._last = LineReporter(console, finishing=True)

    def update(self, run: Body) -> None:
        """See ``View``."""
        status = status_of(run)
        if status.attempt != self._attempt:
            self._attempt, self._stages = status.attempt, LineReporter(self._console)
        if not is_finished(run) and (line := where(run)) != self._where:
            self.tell(line)
            self._where = line
        self._stages.update(status.stages)
        if status.finally_ is not None:
            last = status.finally_.stages
            self._last.update([StageStatus(**it.model_dump()) for it in last])

    def tell(self, text: str) -> None:
        """See ``View``."""
        self._console.print(text, markup=False, soft_wrap=True)


def _seconds(status: PipelineRunStatus) -> str:
    """For how long the run has been under way by now."""
    if status.start_time is None:
        return ""
    passed = (datetime.now(UTC) - parse_time(status.start_time)).total_seconds()
    return f"{max(passed, 0):.0f} s  "
