"""The last words of a worker: an outcome that fits into a pod's termination message."""

from collections.abc import Iterator

from pydantic import ValidationError

from pipelinerun.api.status import Failure, Outcome

LIMIT = 4096
"""Bytes that the kubelet takes."""


def encode(outcome: Outcome) -> str:
    """The outcome as JSON; what people can do without is left out until it fits.

    First to go is the beginning of the tail, then the stages that succeeded, but for those with a
    checkpoint, then all stages.
    """
    return next(text for text in map(_text, _shorter(outcome)) if len(text.encode()) <= LIMIT)


def decode(text: str) -> Outcome | None:
    """The outcome that a worker has told; None if it told none."""
    try:
        return Outcome.model_validate_json(text, extra="ignore")
    except ValidationError:
        return None


def _shorter(outcome: Outcome) -> Iterator[Outcome]:
    yield outcome
    yield from _with_less_tail(outcome)
    without = _with_tail(outcome, None)
    telling = [it for it in outcome.stages if it.state != "Succeeded" or it.checkpointed]
    for stages in (telling, [stage for stage in telling if stage.state == "Failed"], []):
        fewer = outcome.model_copy(update={"stages": stages})
        yield from _with_less_tail(fewer)
        yield without.model_copy(update={"stages": stages})
    message = without.failure.message[: LIMIT // 8] if without.failure else ""
    failure = without.failure and without.failure.model_copy(update={"message": message})
    yield outcome.model_copy(update={"stages": [], "failure": failure})


def _with_less_tail(outcome: Outcome) -> Iterator[Outcome]:
    tail = outcome.failure.tail if outcome.failure else None
    if tail is not None:
        for share in (1.0, 0.5, 0.25):
            yield _with_tail(outcome, tail[-int(len(tail) * share) :])


def _with_tail(outcome: Outcome, tail: str | None) -> Outcome:
    failure: Failure | None = outcome.failure
    if failure is None:
        return outcome
    return outcome.model_copy(update={"failure": failure.model_copy(update={"tail": tail})})


def _text(outcome: Outcome) -> str:
    return outcome.model_dump_json(by_alias=True, exclude_defaults=True)
