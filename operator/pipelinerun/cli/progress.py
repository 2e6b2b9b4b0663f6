"""Live progress: a table that is redrawn on a terminal, lines elsewhere."""

import time
from collections.abc import Sequence
from types import TracebackType
from typing import IO, Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from pipelinerun.api.status import StageStatus
from pipelinerun.cli.output import AboveLive
from pipelinerun.cli.rates import Rates
from pipelinerun.cli.render import finally_table, stage_line, stage_table

LINE_INTERVAL = 5.0
"""Seconds between two lines about a stage that runs."""
_LONG_INTERVAL = 60.0
"""The same once a run is older than ``_LONG``: it may go on for days."""
_LONG = 300.0

_STARTING = "Starting Ray"
_FINISHING = "Running the finally stages"


class ProgressReporter(Protocol):
    """Shows how far the stages are, for the length of a ``with`` block."""

    def update(self, stages: Sequence[StageStatus]) -> None:
        """Show the stages as they are now."""

    def stream(self, original: IO[str]) -> IO[str]:
        """Where the pipeline's output has to go, so that it does not disturb what is shown."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> None: ...


def reporter_for(console: Console, *, finishing: bool = False) -> ProgressReporter:
    """The reporter that suits a console; FORCE_COLOR makes no terminal of a file.

    ``finishing``: of finally stages, which have no rows.
    """
    live = console.file.isatty() and not console.is_dumb_terminal
    return (LiveReporter if live else LineReporter)(console, finishing=finishing)


class LiveReporter:
    """A table at the bottom of a terminal; output of the pipeline scrolls above it."""

    def __init__(self, console: Console, *, finishing: bool = False) -> None:
        self._console = console
        self._finishing = finishing
        self._stages: Sequence[StageStatus] = ()
        self._rates = Rates()
        self._started = time.monotonic()
        self._spinner = Spinner("dots")
        self._live = Live(
            get_renderable=self._render,
            console=console,
            refresh_per_second=8,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def update(self, stages: Sequence[StageStatus]) -> None:
        """See ``ProgressReporter``."""
        self._stages = stages

    def stream(self, original: IO[str]) -> IO[str]:
        """See ``ProgressReporter``."""
        return AboveLive(self._console) if original.isatty() else original  # type: ignore[return-value]

    def _render(self) -> RenderableType:
        now = time.monotonic()
        stages = self._stages
        doing = "" if stages else f"{_FINISHING if self._finishing else _STARTING} … "
        self._spinner.update(text=f"{doing}{now - self._started:.0f} s")
        if not stages:
            return self._spinner
        if self._finishing:
            return Group(finally_table(stages), Text(), self._spinner)
        return Group(stage_table(stages, self._rates.observe(stages, now)), Text(), self._spinner)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> None:
        self._live.__exit__(kind, error, trace)


class LineReporter:
    """A line when a stage changes its state, and now and then while it gets on."""

    def __init__(self, console: Console, *, finishing: bool = False) -> None:
        self._console = console
        self._finishing = finishing
        self._told: dict[str, tuple[str, float]] = {}
        self._started = time.monotonic()

    def update(self, stages: Sequence[StageStatus]) -> None:
        """See ``ProgressReporter``."""
        now = time.monotonic()
        interval = LINE_INTERVAL if now - self._started < _LONG else _LONG_INTERVAL
        for stage in stages:
            state, told = self._told.get(stage.name, ("Pending", now))
            if stage.state != state or (stage.state == "Running" and now - told >= interval):
                self._print(stage_line(stage, rows=not self._finishing))
                self._told[stage.name] = (stage.state, now)

    def stream(self, original: IO[str]) -> IO[str]:
        """See ``ProgressReporter``."""
        return original

    def _print(self, line: str) -> None:
        self._console.print(line, markup=False, soft_wrap=True)

    def __enter__(self) -> Self:
        self._print(_FINISHING if self._finishing else _STARTING)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> None:
        return None
