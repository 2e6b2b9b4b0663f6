"""Reading what the attempts of a run print, and following it to the run's end."""

import time
from collections.abc import Callable, Iterator

from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from pipelinerun.api.checkpoints import no_stage
from pipelinerun.cli.cluster.errors import ClusterError, of_answer, passing, unreachable
from pipelinerun.cli.cluster.logs.cursor import Cursor
from pipelinerun.cli.cluster.logs.executions import (
    Execution,
    executions,
    next_of,
    stage_names,
    state,
)
from pipelinerun.cli.cluster.logs.said import AttemptLog, OwnLog, Said, SharedLog
from pipelinerun.cli.cluster.logs.sources import source_of
from pipelinerun.cli.cluster.reading import Body, is_finished
from pipelinerun.cli.cluster.runs import Runs

_NOT_YET, _FORBIDDEN, _GONE = 400, 403, 404
_POLL = 1.0

Tell = Callable[[str], None]


class Reader:
    """Reads what a run prints."""

    def __init__(self, runs: Runs, name: str, *, stage: str | None = None, tell: Tell) -> None:
        """Prepare to read.

        Args:
            runs: where the run is.
            name: of the run.
            stage: the only one whose lines are wanted.
            tell: told what is waited for, and what cannot be had.
        """
        self._runs, self._name, self._stage = runs, name, stage
        self._tell, self._told = tell, ""

    def run(self) -> Body:
        """The run as it is now."""
        return self._runs.get(self._name)

    def of(self, execution: Execution, cursor: Cursor) -> Iterator[Said]:
        """What an attempt has printed so far and is new by the cursor.

        Raises:
            ClusterError: that cannot be had.
        """
        try:
            log = self._log(execution)
            yield from source_of(self._runs, execution).lines(cursor, log, follow=False)
            yield from log.rest()
        except ApiException as error:
            raise ClusterError(_why(error, execution)) from None

    def follow(self, execution: Execution, cursor: Cursor) -> Iterator[Said]:
        """The same, and what it prints from then on, until it has ended.

        Raises:
            ClusterError: there is no right to read it.
        """
        log = self._log(execution)
        while True:
            over = execution.ended is not None
            try:
                source = source_of(self._runs, execution)
                yield from source.lines(cursor, log, follow=not over)
            except HTTPError as error:
                self._say(unreachable(error))
                over = False
            except ApiException as error:
                over = self._gave_up(error, execution)
            if over:
                yield from log.rest()
                return
            time.sleep(_POLL)
            execution = self._as_it_is_now(execution)

    def follow_all(self, first: int, cursor: Cursor) -> Iterator[Said]:
        """What all attempts from one on print, and the finally stages, until the run has ended."""
        number = first - 1
        while True:
            run = self._look()
            execution = next_of(run, number)
            if execution is not None:
                yield from self.follow(execution, cursor)
                number, cursor = execution.number, Cursor()
            elif is_finished(run):
                return
            else:
                which = "another" if number else "the first"
                self._say(f"Waiting for {which} attempt: {state(run)}")
                time.sleep(_POLL)

    def _log(self, execution: Execution) -> AttemptLog:
        run = self.run()
        names = stage_names(run)
        if self._stage is not None and self._stage not in names:
            raise ClusterError(no_stage(self._stage, names))
        if execution.pod is not None:
            return OwnLog(names, self._stage)
        metadata = run["metadata"]
        whose = metadata["name"], metadata["namespace"], metadata["uid"], execution.number
        return SharedLog(*whose, self._stage)

    def _as_it_is_now(self, execution: Execution) -> Execution:
        found = executions(self._look())
        return next((it for it in found if it.number == execution.number), execution)

    def _gave_up(self, error: ApiException, execution: Execution) -> bool:
        """Whether there will never be more; else says what is waited for.

        Raises:
            ClusterError: there is no right to read it.
        """
        if passing(error.status) and execution.ended is None:
            self._say(of_answer(error.status, error.body))
            return False
        if error.status not in {_NOT_YET, _GONE} and not passing(error.status):
            raise ClusterError(_why(error, execution)) from None
        if execution.ended is None:
            self._say(f"Waiting for {execution.title}: {of_answer(error.status, error.body)}")
            return False
        self._tell(_why(error, execution))
        return True

    def _look(self) -> Body:
        """The run as it is now, as soon as the API server says it."""
        while True:
            try:
                return self.run()
            except HTTPError as error:
                self._say(unreachable(error))
            except ApiException as error:
                if not passing(error.status):
                    raise
                self._say(of_answer(error.status, error.body))
            time.sleep(_POLL)

    def _say(self, text: str) -> None:
        """Tell something, unless it was the last that was told."""
        if text != self._told:
            self._tell(text)
            self._told = text


def _why(error: ApiException, execution: Execution) -> str:
    """Why the log of an attempt cannot be had."""
    message = of_answer(error.status, error.body)
    if error.status == _GONE:
        where = execution.pod or execution.operator
        return f"what {execution.title} has printed is not there: {message or where}"
    if error.status == _FORBIDDEN and execution.pod is None:
        return (
            f"{message}; what in-process runs print is in the log of the operator's pod:"
            f" it takes the rights to get pods and pods/log in {execution.operator_namespace}"
        )
    return message
