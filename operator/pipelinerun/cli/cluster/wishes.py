"""What commands ask of a run through its spec, and what they say of it. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipelinerun.api.spec import Shutdown
from pipelinerun.cli.cluster.errors import ClusterError
from pipelinerun.cli.cluster.reading import Body, is_finished, phase_of


@dataclass(frozen=True)
class Wish:
    """What is asked of a run.

    Attributes:
        done: the same as a line says it.
        spec: fields to set; none if they are set already.
    """

    done: str
    spec: Mapping[str, Any] = field(default_factory=dict)


def to_cancel(how: Shutdown) -> Callable[[Body], Wish]:
    """Ask a run to end.

    Raises:
        ClusterError (the function returned): it has ended in another way.
    """

    def wish(run: Body) -> Wish:
        if phase_of(run) == "Cancelled":
            return Wish("is cancelled already")
        _check_unfinished(run, "cancelled")
        asked = run["spec"].get("shutdown")
        if asked in {how, "Terminate"}:
            return Wish(f"is being cancelled already ({asked})")
        return Wish("is draining" if how == "Drain" else "is being cancelled", {"shutdown": how})

    return wish


def to_suspend(run: Body) -> Wish:
    """Ask a run to wait.

    Raises:
        ClusterError: it has ended.
    """
    _check_unfinished(run, "suspended")
    if run["spec"].get("suspend"):
        return Wish("is suspended already")
    return Wish("suspended", {"suspend": True})


def to_resume(run: Body) -> Wish:
    """Ask a run to go on.

    Raises:
        ClusterError: it has ended.
    """
    _check_unfinished(run, "resumed", ": `pipelinerun retry` runs it again")
    if not run["spec"].get("suspend"):
        return Wish("is not suspended")
    return Wish("resumed", {"suspend": False})


def _check_unfinished(run: Body, done: str, hint: str = "") -> None:
    if is_finished(run) or phase_of(run) == "Finishing":
        name = run["metadata"]["name"]
        raise ClusterError(
            f"run {name!r} is over and cannot be {done}: it is {phase_of(run)}{hint}"
        )
