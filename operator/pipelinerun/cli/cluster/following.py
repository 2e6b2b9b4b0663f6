"""A run while it changes, through whatever trouble the API server has meanwhile."""

import time
from collections.abc import Callable, Iterator

from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from pipelinerun.cli.cluster.errors import ClusterError, of_answer, passing, unreachable
from pipelinerun.cli.cluster.runs import Body, Runs

_LONGEST_WATCH = 60.0
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.5, 15.0


def followed(
    runs: Runs, run: Body, *, seconds: float | None, tell: Callable[[str], None]
) -> Iterator[Body]:
    """A run as it is, and again each time it has changed, until the time is over.

    Args:
        runs: where it is.
        run: as it was read.
        seconds: that this lasts; None for as long as more is asked for.
        tell: told of trouble that may pass, each time that it begins or becomes another.

    Raises:
        ClusterError: the run was deleted.
    """
    deadline = None if seconds is None else time.monotonic() + seconds
    trouble: int | None = None
    pause = _SHORTEST_PAUSE
    yield run
    while (left := _left(deadline)) > 0:
        try:
            for changed in _changes(runs, run, left):
                if changed is None or changed["metadata"]["uid"] != run["metadata"]["uid"]:
                    raise ClusterError(f"run {run['metadata']['name']!r} was deleted meanwhile")
                if _version(changed) != _version(run):
                    run, trouble, pause = changed, None, _SHORTEST_PAUSE
                    yield run
        except (ApiException, HTTPError) as error:
            if not _passing(error):
                raise
            if trouble != (trouble := _status(error)):
                tell(_told(error))
            pause = min(pause * 2, _LONGEST_PAUSE)
        else:
            trouble, pause = None, _SHORTEST_PAUSE
        time.sleep(min(pause, max(_left(deadline), 0.0)))


def _changes(runs: Runs, run: Body, left: float) -> Iterator[Body | None]:
    """A run as it is, and as it is after each change, for a while."""
    current = runs.get(run["metadata"]["name"])
    yield current
    yield from runs.watch(current, seconds=max(1, round(min(left, _LONGEST_WATCH))))


def _left(deadline: float | None) -> float:
    return float("inf") if deadline is None else deadline - time.monotonic()


def _version(run: Body) -> str:
    version: str = run["metadata"]["resourceVersion"]
    return version


def _status(error: ApiException | HTTPError) -> int:
    """The status of an answer; 0 where there was none."""
    return (error.status or 0) if isinstance(error, ApiException) else 0


def _passing(error: ApiException | HTTPError) -> bool:
    return passing(_status(error))


def _told(error: ApiException | HTTPError) -> str:
    if isinstance(error, ApiException):
        return of_answer(error.status, error.body or error.reason)
    return unreachable(error)
