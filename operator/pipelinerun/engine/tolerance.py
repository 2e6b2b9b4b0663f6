"""Tolerance: what a stage's code may raise without failing the run."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pandas as pd
import pyarrow as pa

from pipelinerun.engine.dead_letters import Letter, letter
from pipelinerun.engine.errors import StoppedError
from pipelinerun.engine.failure import of_stage
from pipelinerun.engine.ledger import Tally
from pipelinerun.engine.plan import StagePlan
from pipelinerun.engine.reporter import Reporter
from pipelinerun.engine.rows import A_BATCH, A_ROW, block_of, results_of, rows_of

Call = Callable[..., Any]


class Tolerance:
    """Takes what calls of a stage raise.

    A call counts as a whole: of one that raises nothing goes on, even if it has yielded something.
    ``sys.exit`` is no ``Exception``, and running out of memory is not the fault of a row; both fail
    the run as ever.
    """

    def __init__(self, plan: StagePlan, reporter: Reporter) -> None:
        """Prepare for a stage. The reporter is told each error at once, and may end the work."""
        self._stage, self._run = plan.stage, plan.run
        self._reporter = reporter
        self._task, self._calls = "", 0
        self.letters: list[Letter] = []

    def around(self, call: Call, tally: Tally) -> Call:
        """The same call, which returns nothing where it raised."""

        def tolerant(item: Any) -> list[Any] | None:
            self._count()
            try:
                return self._results(call(item))
            except (MemoryError, StoppedError):
                raise
            except Exception as error:  # noqa: BLE001 - the user's code may raise anything
                self._take(error, item, tally)
                return None

        return tolerant

    def _results(self, result: Any) -> list[Any] | None:
        if self._stage.type == "sink":
            for _ in result if isinstance(result, Iterator) else ():
                pass
            return None
        if self._stage.per == "Batch":
            return [block_of(_checked(it, A_BATCH)) for it in results_of(result, A_BATCH)]
        return [_checked(it, A_ROW) for it in results_of(result)]

    def _take(self, error: Exception, item: Any, tally: Tally) -> None:
        failure, _ = of_stage(self._stage.name, error)
        tally.errors += 1
        if self._stage.on_error == "DeadLetter":
            rows = rows_of(block_of(item)) if self._stage.per == "Batch" else (item,)
            attempt = self._run.namespace, self._run.name, self._run.uid, self._run.attempt
            call = *attempt, self._stage.name, self._task, self._calls
            self.letters.append(letter(failure, rows, call))
        self._reporter.skip(tally, failure)

    def _count(self) -> None:
        if self._task != self._reporter.task:
            self._task, self._calls = self._reporter.task, 0
        self._calls += 1


def _checked(item: Any, expected: str) -> Any:
    kinds = (Mapping,) if expected is A_ROW else (Mapping, pd.DataFrame, pa.Table)
    if not isinstance(item, kinds):
        raise TypeError(f"yielded {type(item).__name__}; {expected}")
    return item
