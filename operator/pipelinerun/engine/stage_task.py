"""What runs in Ray's processes: a stage's code, between a block and the next, counted."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import chain, takewhile
from typing import Any

from pipelinerun.engine import importer, packages, printing
from pipelinerun.engine.dead_letters import LetterFiles
from pipelinerun.engine.errors import StageError, StoppedError
from pipelinerun.engine.failure import of_stage
from pipelinerun.engine.ledger import Address, Tally
from pipelinerun.engine.parcels import batches_of, sorted_out
from pipelinerun.engine.plan import StagePlan
from pipelinerun.engine.pump import Pump
from pipelinerun.engine.reporter import Reporter
from pipelinerun.engine.rows import (
    A_BATCH,
    RowBuffer,
    block_of,
    cut,
    length_of,
    results_of,
    rows_of,
)
from pipelinerun.engine.selection import Selection
from pipelinerun.engine.tolerance import Tolerance

Call = Callable[..., Any]
Output = tuple[int, Any]
"""A batch, after the number of its rows."""
Work = Callable[[Call, Iterable[Any], Tally], Iterator[Output]]

NO_ROWS: Output = (0, ())
END: Output = (0, None)
_END_OF_CALL = (None,)
DEFAULT_BATCH = 1024
"""Rows of a batch where a stage does not say."""
TICK = 0.5
"""Seconds after which a slow stage reports, and hears whether to end, although it has not gathered
many rows."""

_bound: dict[tuple[Address, str], "StageRunner"] = {}
"""Functions that this process has loaded, for the run it works for at present."""


class StageRunner:
    """A stage's code, loaded in this process."""

    def __init__(self, plan: StagePlan) -> None:
        self._plan = plan
        self._name = plan.stage.name
        self._reporter = Reporter(plan.address, self._name, streams=plan.streams)
        self._tolerance = Tolerance(plan, self._reporter)
        self._deliver: Call | None = None
        self._call: Call | None = None

    def load(self) -> Call:
        """Load the stage's code, and make its object if it is a class."""
        if self._call is None:
            self._reporter.enter()
            tally = Tally()
            try:
                self._call = self._loaded()
            except BaseException as error:  # noqa: BLE001 - sys.exit and worse are the stage's failure
                raise self._failed(tally, error) from None
            self._reporter.leave(tally)
        return self._call

    def _loaded(self) -> Call:
        printing.print_whole_lines()
        printing.belongs_to(self._plan.run, self._name)
        _use(self._plan)
        return self._plan.bind(self._told_to_end)

    def over(self, block: Any) -> Iterator[Any]:
        """Run the stage over a block, or over a batch if it is called per batch.

        Of parcels it takes those that are addressed to it; the others are passed on.
        """
        if not self._plan.parcels:
            limits = self._plan.batches
            yield from self._over(rows_of(block), cut(block, *limits) if limits else (block,))
            return
        blocks, others = sorted_out(block, self._name)
        if others is not None:
            yield others
        if blocks:
            stage = self._plan.stage
            size, batch_format = stage.batch_size or DEFAULT_BATCH, stage.batch_format or "numpy"
            batches = batches_of(blocks, size, batch_format)
            yield from self._over(chain.from_iterable(map(rows_of, blocks)), batches)

    def _over(self, rows: Iterable[Any], batches: Iterable[Any]) -> Iterator[Any]:
        call = self.load()
        sink = self._plan.stage.type == "sink"
        if self._plan.stage.per == "Batch":
            work: Work = _sink_batches if sink else _per_batch
            items = self._admitted(batches)
        else:
            work = _sink_rows if sink else _per_row
            items = self._admitted(rows)
        return self._reported(lambda tally: work(self._as_wished(call, tally), items, tally))

    def _as_wished(self, call: Call, tally: Tally) -> Call:
        """A call for the rows that the stage acts on, which raises no more than it may."""
        stage = self._plan.stage
        if stage.on_error != "Fail":
            call = self._tolerance.around(call, tally)
        if not stage.selects:
            return call
        selection = Selection(stage)
        if stage.per == "Batch":
            return selection.per_batch(call, stage.batch_format or "numpy")
        return selection.per_row(call)

    def from_nothing(self) -> Iterator[Any]:
        """Run a source, in a thread of its own from loading its code to its end."""
        pump = Pump(
            lambda: results_of(self._loaded()()),
            lambda: self._reporter.draining,
            self._reporter.room if self._plan.queued else None,
        )
        yield from self._reported(lambda _: _pumped(pump), inside=True)
        if self._reporter.stopping:
            raise StoppedError  # that is why it has ended: there would have been more

    def _told_to_end(self) -> bool:
        """What ``context.stopping`` says: sources end when a run is drained, all others go on."""
        self._reporter.ask()
        if self._plan.stage.type == "source":
            return self._reporter.draining
        return self._reporter.stopping

    def _admitted(self, items: Iterable[Any]) -> Iterable[Any]:
        """Rows or batches; of those that enter the pipeline here, none once it is drained."""
        if not self._plan.entrance:
            return items
        return takewhile(lambda _: not self._reporter.draining, items)

    def _reported(
        self, work: Callable[[Tally], Iterator[Output]], *, inside: bool = False
    ) -> Iterator[Any]:
        """Report before and after each piece of work: between two outputs others may run.

        ``inside``: the stage's code runs in between as well.
        """
        tally = Tally()
        pieces = work(tally)
        while True:
            self._reporter.enter()
            printing.belongs_to(self._plan.run, self._name)
            started = time.perf_counter()
            try:
                rows, output = next(pieces, END)
                block = self._plan.sent(block_of(output)) if rows else None
                self._send_letters(tally)
            except BaseException as error:  # noqa: BLE001 - sys.exit and worse are its failure
                tally.seconds += time.perf_counter() - started
                raise self._failed(tally, error) from None
            tally.seconds += time.perf_counter() - started
            tally.rows_out += rows
            printing.flush()
            self._reporter.leave(tally, inside=inside and output is not None)
            if output is None:
                return
            tally.reset()
            if block is not None:
                yield block

    def _send_letters(self, tally: Tally) -> None:
        """Put what the stage failed on since the last time where it goes."""
        letters, to = self._tolerance.letters, self._plan.dead_letters
        if not letters or to is None:
            return
        if isinstance(to, LetterFiles):
            tally.letters.append(to.write(self._name, letters))
            letters.clear()
            return
        if self._deliver is None:
            self._deliver = self._plan.bind_letters(to, self._told_to_end)
        while letters:
            for _ in _steps(self._deliver(letters[0])):
                pass
            del letters[0]

    def _failed(self, tally: Tally, error: BaseException) -> Exception:
        with suppress(Exception):
            self._send_letters(tally)
        if isinstance(error, StoppedError | GeneratorExit | KeyboardInterrupt):
            with suppress(StoppedError):
                self._reporter.leave(tally)
            return StoppedError()
        tally.errors += 1
        failure, exit_code = of_stage(self._name, error)
        self._reporter.fail(tally, failure, exit_code)
        return StageError(self._name)


def run_function(block: Any, plan: StagePlan) -> Iterator[Any]:
    """A Ray Data function: a stage without state."""
    with _task():
        yield from _runner(plan).over(block)


def run_source(_block: Any, plan: StagePlan) -> Iterator[Any]:
    """A Ray Data function: a source that yields, as one task over a single row."""
    with _task():
        yield from _runner(plan).from_nothing()


@contextmanager
def _task() -> Iterator[None]:
    """A task in a process that may serve another run next; an actor serves one alone."""
    try:
        yield
    finally:
        printing.belongs_to_nobody()


class StageActor:
    """A Ray Data class: a stage with state, and functions behind it."""

    def __init__(self, plans: Sequence[StagePlan]) -> None:
        self._runners = [StageRunner(plan) for plan in plans]

    def __call__(self, block: Any) -> Iterator[Any]:
        """Run the stages over a block or batch, each over what the one before puts out."""
        # The object is made here, not in the constructor: Ray restarts an actor whose constructor
        # fails, and a failure has to end the run.
        blocks: Iterator[Any] = iter((block,))
        for runner in self._runners:
            blocks = chain.from_iterable(map(runner.over, blocks))
        yield from blocks


def pass_on(block: Any, plan: StagePlan, *, counted: bool) -> Iterator[Any]:
    """A Ray Data function: pass rows through for a stage that Ray Data runs.

    ``counted``: count them for it.
    """
    reporter = Reporter(plan.address, plan.stage.name)
    reporter.enter()
    if plan.entrance and reporter.draining:
        return  # it has not entered the pipeline yet
    rows = length_of(block)
    reporter.leave(_tally(plan, rows) if counted else Tally())
    if rows or not plan.to:
        yield plan.sent(block)


def take_out(parcels: Any, plan: StagePlan) -> Iterator[Any]:
    """A Ray Data function: the rows that are addressed to a sink that Ray Data runs, counted."""
    reporter = Reporter(plan.address, plan.stage.name)
    for block in sorted_out(parcels, plan.stage.name)[0]:
        reporter.enter()
        reporter.leave(_tally(plan, length_of(block)))
        yield block


def _tally(plan: StagePlan, rows: int) -> Tally:
    return Tally(rows_in=rows) if plan.stage.type == "sink" else Tally(rows_out=rows)


def _runner(plan: StagePlan) -> StageRunner:
    key = plan.address, plan.stage.name
    if key not in _bound:
        for old in [key for key in _bound if key[0] != plan.address]:
            del _bound[old]
        _bound[key] = StageRunner(plan)
    return _bound[key]


_used: Address | None = None


def _use(plan: StagePlan) -> None:
    """Make the run's code importable in this process."""
    global _used  # noqa: PLW0603 - sys.meta_path is global as well
    if _used != plan.address:
        packages.use(packages.folder_of(plan.packages))
        importer.replace(plan.files)
        _used = plan.address


def _per_row(call: Call, rows: Iterable[Any], tally: Tally) -> Iterator[Output]:
    buffer, due = RowBuffer(), _next_tick()
    for row in rows:
        tally.rows_in += 1
        for result in results_of(call(row)):
            buffer.add(result)
            if buffer.full or time.monotonic() > due:
                yield len(buffer), buffer.take()
                due = _next_tick()
        if time.monotonic() > due:
            yield len(buffer), buffer.take()
            due = _next_tick()
    yield len(buffer), buffer.take()


def _per_batch(call: Call, batches: Iterable[Any], tally: Tally) -> Iterator[Output]:
    for batch in batches:
        tally.rows_in += length_of(batch)
        for result in results_of(call(batch), A_BATCH):
            yield length_of(result), result


def _sink_rows(call: Call, rows: Iterable[Any], tally: Tally) -> Iterator[Output]:
    due = _next_tick()
    for row in rows:
        tally.rows_in += 1
        for _ in _steps(call(row)):
            if time.monotonic() > due:
                yield NO_ROWS
                due = _next_tick()


def _sink_batches(call: Call, batches: Iterable[Any], tally: Tally) -> Iterator[Output]:
    for batch in batches:
        tally.rows_in += length_of(batch)
        due = _next_tick()
        for _ in _steps(call(batch)):
            if time.monotonic() > due:
                yield NO_ROWS
                due = _next_tick()
        yield NO_ROWS


def _pumped(pump: Pump) -> Iterator[Output]:
    """What a source yields, gathered into batches."""
    with pump:
        for taken in pump.batches(TICK):
            match taken:
                case None:
                    yield NO_ROWS
                case RowBuffer():
                    yield len(taken), taken.take()
                case _:
                    yield length_of(taken), taken


def _steps(result: Any) -> Iterable[object]:
    """The steps of a sink's call: what a generator yields, and its end."""
    return chain(result, _END_OF_CALL) if isinstance(result, Iterator) else _END_OF_CALL


def _next_tick() -> float:
    return time.monotonic() + TICK
