"""Time. Nothing moves but all that is written down, since everything is relative to now."""

from collections.abc import Callable, Collection, Iterator
from datetime import timedelta
from functools import cache
from typing import Any, Protocol

from pipelinerun.api.status import PipelineRunStatus
from pipelinerun.core.timestamps import format_time, parse_time
from tests.support.decisions import NOW
from tests.support.exploration.world import Limit, Step, Version, Wish, World, read

LIMIT = 5
"""Seconds of every limit."""
STEP = 10
"""Seconds in which every limit passes, and every back-off of the explorations."""
LONG_AGO = format_time(NOW - timedelta(seconds=STEP))

Move = Callable[[str], str]


class Clock(Protocol):
    """How exactly times are looked at."""

    def written(self, status: PipelineRunStatus) -> str:
        """A status as JSON."""

    def steps(self, world: World) -> Iterator[Step]:
        """Time that may pass."""


class Coarse:
    """A moment is in one step from now, now, or long ago.

    What nothing is decided from is left out: most times, and earlier attempts. So worlds that
    differ in nothing that matters are one.
    """

    def __init__(self, limits: Collection[Limit]) -> None:
        """Prepare a clock for runs of which these limits may ever be asked for."""
        self._limits = limits

    def written(self, status: PipelineRunStatus) -> str:
        limits = self._limits
        document = _document(status)
        kept: list[dict[str, Any]] = document.get("attempts", [])[-1:]
        document["attempts"] = kept
        _move(document, lambda _: LONG_AGO)
        if "active" in limits and status.start_time:
            document["startTime"] = _clipped(status.start_time)
        if "ttl" in limits and status.completion_time:
            document["completionTime"] = _clipped(status.completion_time)
        if status.finally_ and status.phase == "Finishing":
            document["finally"]["startTime"] = _clipped(status.finally_.start_time)
        if "attempt" in limits and kept:
            kept[0]["startTime"] = _clipped(status.attempts[-1].start_time)
        if status.next_attempt_time and (status.phase == "Pending" or "pending" in limits):
            document["nextAttemptTime"] = _clipped(status.next_attempt_time)
        if "pending" in limits:
            for now, then in zip(document.get("conditions", []), status.conditions, strict=True):
                if then.type == "Suspended":
                    now["lastTransitionTime"] = _clipped(then.last_transition_time)
        return _dumped(document)

    def steps(self, world: World) -> Iterator[Step]:
        age = STEP if "pending" in self._limits else 0
        after = _moved(world, STEP, _clipped)._replace(age=age)
        if after != world:
            yield Step("time passes", after)


class Exact:
    """Nothing is left out."""

    def written(self, status: PipelineRunStatus) -> str:
        return _dumped(_document(status))

    def steps(self, world: World) -> Iterator[Step]:
        for seconds in (1, STEP, 60 * STEP):
            yield Step(f"{seconds} s pass", _moved(world, seconds, _unclipped))


def deadlines(wish: Wish) -> dict[str, int]:
    """The deadlines of a wish as they stand in a spec."""
    return {f"{limit}DeadlineSeconds": LIMIT for limit in wish.limits if limit != "ttl"}


def _moved(world: World, seconds: int, clip: Move) -> World:
    def moved(version: Version | None) -> Version | None:
        return version and version._replace(status=_later(version.status, seconds, clip))

    todo = [
        it._replace(status=_later(it.status, seconds, clip)) if it.status else it
        for it in world.todo
    ]
    return world._replace(
        age=world.age + seconds, run=moved(world.run), view=moved(world.view), todo=tuple(todo)
    )


@cache
def _later(status: str, seconds: int, clip: Move) -> str:
    document = _document(read(status))
    passed = timedelta(seconds=seconds)
    _move(document, lambda moment: clip(format_time(parse_time(moment) - passed)))
    return _dumped(document)


def _clipped(moment: str) -> str:
    return max(moment, LONG_AGO)


def _unclipped(moment: str) -> str:
    return moment


def _move(document: dict[str, Any], move: Move) -> None:
    """Move every moment in a document."""
    for key, value in document.items():
        if key == "time" or key.endswith("Time"):
            document[key] = move(value)
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, dict):
                _move(inner, move)


def _document(status: PipelineRunStatus) -> dict[str, Any]:
    return status.model_dump(mode="json", by_alias=True, exclude_none=True)


def _dumped(document: dict[str, Any]) -> str:
    return PipelineRunStatus.model_validate(document).model_dump_json(
        by_alias=True, exclude_none=True
    )
