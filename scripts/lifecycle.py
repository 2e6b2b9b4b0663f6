"""The page on the life of a run: phases, what leads from one to another, what requests do in each.

What is derived comes from ``decide``. The transitions are written down here, in words, and a test
compares them with all that the exploration finds.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final, NamedTuple, get_args

from pipelinerun.api.status import UNDER_WAY_PHASES, Phase, PipelineRunStatus
from pipelinerun.core import reasons
from pipelinerun.core.conditions import conditions_for
from pipelinerun.core.observed import Decision, Observed, Requests
from pipelinerun.core.policies import decide
from scripts.markdown import Row, codes, table
from tests.support import decisions as build

PHASES: Final[dict[Phase, str]] = {
    "Pending": "Waits for a place or for the end of a back-off. A run without a status is Pending.",
    "Suspended": "Held by `spec.suspend`. Takes no place, has no deadlines.",
    "Starting": "An attempt is recorded and handed out; nothing of it has been seen to run.",
    "Running": "The attempt runs.",
    "Stopping": "The attempt has been told to end; `status.stopping` says why.",
    "Finishing": "The end is decided, in `status.verdict`; the finally stages run.",
    "Succeeded": "Ended with exit code 0. Final.",
    "Failed": "Ended otherwise. Final.",
    "Cancelled": "Ended by `spec.shutdown`. Final.",
}

BY: Final[dict[str, tuple[str, ...]]] = {
    reasons.WAITING_FOR_RAY: ("operator",),
    reasons.WAITING_FOR_PLACE: ("operator",),
    reasons.ATTEMPT_STARTING: ("operator",),
    reasons.ATTEMPT_RUNNING: ("pipeline",),
    reasons.BACKING_OFF: ("pipeline", "cluster", "time"),
    reasons.FINISHING: (),
    reasons.SUSPENDED: ("user",),
    reasons.SUSPENDING: ("user",),
    reasons.DRAINING: ("user",),
    reasons.TERMINATING: ("user",),
    reasons.CANCELLED: ("user",),
    reasons.COMPLETED: ("pipeline",),
    reasons.PIPELINE_FAILED: ("pipeline",),
    reasons.INVALID_DEFINITION: ("user",),
    reasons.NAMESPACE_NOT_ALLOWED: ("user",),
    reasons.OUT_OF_MEMORY: ("pipeline",),
    reasons.DEADLINE_EXCEEDED: ("time",),
    reasons.ATTEMPT_DEADLINE_EXCEEDED: ("time",),
    reasons.PENDING_DEADLINE_EXCEEDED: ("time",),
    reasons.INFRASTRUCTURE_FAILED: ("cluster",),
    reasons.IMAGE_PULL_FAILED: ("cluster",),
    reasons.EVICTED: ("cluster",),
    reasons.POD_DELETED: ("user",),
}
"""Who causes what has this reason."""
EVENTS: Final[dict[str, str]] = {
    reasons.ATTEMPT_STARTING: reasons.ATTEMPT_STARTED,
    reasons.BACKING_OFF: reasons.RETRYING,
}
"""Events that tell of a transition by another reason than its own."""


class Transition(NamedTuple):
    """A phase may follow from another.

    Attributes:
        before: phase.
        after: phase.
        how: what has happened, for people.
        reasons: those that the condition Succeeded may have then; none if they are those of the end
            that was decided before.
    """

    before: Phase
    after: Phase
    how: str
    reasons: tuple[str, ...]


_STOPS: Final = (
    *(reasons.SUSPENDING, reasons.DRAINING, reasons.TERMINATING),
    *(reasons.DEADLINE_EXCEEDED, reasons.ATTEMPT_DEADLINE_EXCEEDED),
)
_FAILURES: Final = (
    *(reasons.PIPELINE_FAILED, reasons.OUT_OF_MEMORY, reasons.INVALID_DEFINITION),
    *(reasons.INFRASTRUCTURE_FAILED, reasons.EVICTED, reasons.POD_DELETED, reasons.CANCELLED),
)
_UNENDED: Final[tuple[Phase, ...]] = ("Pending", "Suspended", "Starting", "Running", "Stopping")
_FINAL: Final[tuple[Phase, ...]] = ("Succeeded", "Failed", "Cancelled")
TRANSITIONS: Final = (
    Transition("Pending", "Starting", "a place is free", (reasons.ATTEMPT_STARTING,)),
    Transition("Pending", "Suspended", "suspend", (reasons.SUSPENDED,)),
    Transition(
        "Pending",
        "Failed",
        "refused, or a deadline has passed",
        (
            reasons.NAMESPACE_NOT_ALLOWED,
            reasons.DEADLINE_EXCEEDED,
            reasons.PENDING_DEADLINE_EXCEEDED,
        ),
    ),
    Transition("Pending", "Cancelled", "shutdown", (reasons.CANCELLED,)),
    Transition("Suspended", "Starting", "resumed", (reasons.ATTEMPT_STARTING,)),
    Transition(
        "Suspended",
        "Pending",
        "resumed, no place is free",
        (reasons.WAITING_FOR_RAY, reasons.WAITING_FOR_PLACE),
    ),
    Transition("Suspended", "Failed", "resumed and refused", (reasons.NAMESPACE_NOT_ALLOWED,)),
    Transition("Suspended", "Cancelled", "shutdown", (reasons.CANCELLED,)),
    Transition("Starting", "Running", "the attempt was seen to run", (reasons.ATTEMPT_RUNNING,)),
    Transition(
        "Starting",
        "Stopping",
        "suspend, shutdown, a deadline or an image that cannot be pulled",
        (*_STOPS, reasons.PENDING_DEADLINE_EXCEEDED, reasons.IMAGE_PULL_FAILED),
    ),
    Transition(
        "Starting", "Pending", "the attempt failed, another follows", (reasons.BACKING_OFF,)
    ),
    Transition("Starting", "Succeeded", "exit code 0", (reasons.COMPLETED,)),
    Transition(
        "Starting",
        "Failed",
        "the last attempt failed",
        _FAILURES,
    ),
    Transition("Running", "Stopping", "suspend, shutdown or a deadline", _STOPS),
    Transition("Running", "Pending", "the attempt failed, another follows", (reasons.BACKING_OFF,)),
    Transition("Running", "Succeeded", "exit code 0", (reasons.COMPLETED,)),
    Transition("Running", "Failed", "the last attempt failed", _FAILURES),
    Transition("Stopping", "Suspended", "suspend", (reasons.SUSPENDED,)),
    Transition("Stopping", "Cancelled", "shutdown", (reasons.CANCELLED,)),
    Transition(
        "Stopping",
        "Failed",
        "a deadline, or the last attempt could not start",
        (
            *(reasons.DEADLINE_EXCEEDED, reasons.ATTEMPT_DEADLINE_EXCEEDED),
            *(reasons.PENDING_DEADLINE_EXCEEDED, reasons.IMAGE_PULL_FAILED),
            *(reasons.PIPELINE_FAILED, reasons.OUT_OF_MEMORY, reasons.INVALID_DEFINITION),
        ),
    ),
    Transition(
        "Stopping",
        "Pending",
        "a deadline of the attempt, or it could not start, and another follows",
        (reasons.BACKING_OFF,),
    ),
    Transition("Stopping", "Succeeded", "it was through before it heard", (reasons.COMPLETED,)),
    *(
        Transition(phase, "Finishing", "it has ended, with finally stages", (reasons.FINISHING,))
        for phase in _UNENDED
    ),
    *(Transition("Finishing", phase, "as it was decided", ()) for phase in _FINAL),
)
"""All of them."""


_INTRODUCTION = """\
Tests walk through everything that can happen to a run, with crashes of the operator between any two
actions, and find exactly these transitions. A run with
[finally stages](running.md#finally-stages) is `Finishing` before it is `Succeeded`, `Failed` or
`Cancelled`, unless it was refused; the picture leaves that out.
"""
_ON_CONDITIONS = """\
`Succeeded` is for `kubectl wait`; the others are those of kstatus. `Suspended=False` is added once
a run was resumed.
"""
_ON_REASONS = """\
The reason is that of the condition `Succeeded`, and of an Event where none else is named. A pod has
Events of its own, so `AttemptStarted` is told of in-process attempts only. `Evicted` stands for
whatever takes a pod away or kills it: `Preempted`, `NodeLost`, `PodFailed` and `WorkerCrashed` too;
`NamespaceNotAllowed` stands for every refusal: `ModeNotSupported` and `InvalidDefinition` too. What
they mean is in the [reference](reference/reasons.md).
"""
_ON_REQUESTS = """\
An attempt that is told to end is killed after `terminationGracePeriodSeconds`; one that drains is
not. One whose image cannot be pulled is ended too, and fails with exit code 125; should it have
started after all, an end of its own counts. The strongest cause counts: a deadline is as strong as
`Terminate`, `Drain` is weaker and `suspend` the weakest. None is taken back: a run that is resumed
while it is `Stopping` is `Suspended` for a moment and starts anew. A pipeline that was through
before it heard has `Succeeded`. A suspended run has no deadlines. While a run is `Finishing` none
of these requests does anything: its finally stages have a deadline of their own. Deleting the run
ends what runs, in every phase, and nothing is recorded of that.
"""


def page() -> str:
    """The page."""
    transitions = ("From", "To", "When", "Reasons", "By", "Event")
    return "\n".join(
        [
            "# The life of a run\n",
            _INTRODUCTION,
            diagram(),
            "## Phases\n",
            table(("Phase", "Meaning", "Conditions"), phase_rows()),
            _ON_CONDITIONS,
            "## Transitions\n",
            table(transitions, transition_rows()),
            _ON_REASONS,
            "## What requests do\n",
            table(("While the run is", *REQUESTS), request_rows()),
            _ON_REQUESTS,
        ]
    )


def diagram() -> str:
    """The transitions of a run without finally stages, as a picture."""
    shown = [it for it in TRANSITIONS if "Finishing" not in {it.before, it.after}]
    arrows = [f"  {it.before} --> {it.after}: {it.how}\n" for it in shown]
    ends = [f"  {phase} --> [*]\n" for phase in _FINAL]
    lines = ["```mermaid\n", "stateDiagram-v2\n", "  [*] --> Pending\n", *arrows, *ends, "```\n"]
    return "".join(lines)


def phase_rows() -> Iterator[Row]:
    """Each phase with its conditions."""
    for phase in get_args(Phase):
        found = conditions_for(phase, "", "", previous=(), generation=1, now=build.NOW)
        told = ", ".join(f"`{it.type}={it.status}`" for it in found)
        yield f"`{phase}`", PHASES[phase], told


def transition_rows() -> Iterator[Row]:
    """Each transition with who causes it and what tells of it."""
    for it in TRANSITIONS:
        by = dict.fromkeys(who for reason in it.reasons for who in BY[reason])
        events = {event_of(reason) for reason in it.reasons}
        named = codes(event for event in events if event and event not in it.reasons)
        event = named or ("" if None in events else "the same")
        if it.after == "Finishing":
            event = "that of the end"
        elif it.before == "Finishing":
            event = f"`{reasons.FINALLY_FAILED}`, if they did"
        phases = f"`{it.before}`", f"`{it.after}`"
        yield *phases, it.how, codes(it.reasons), ", ".join(by), event


def event_of(reason: str) -> str | None:
    """The reason of the Event that tells of a transition with this reason."""
    event = EVENTS.get(reason, reason)
    return event if event in reasons.EVENTS else None


REQUESTS: Final[dict[str, dict[str, object]]] = {
    "`suspend: true`": {"suspend": True},
    "`shutdown: Drain`": {"shutdown": "Drain"},
    "`shutdown: Terminate`": {"shutdown": "Terminate"},
    "a deadline has passed": {"active_deadline": 5, "pending_deadline": 5},
    "nothing of these": {},
}


def states() -> Mapping[str, PipelineRunStatus]:
    """Where a run may be, as far as requests do different things there."""
    return {
        "`Pending`": build.pending(),
        "`Pending`, backing off": build.backing_off(),
        "`Suspended`": build.suspended(),
        "`Starting`": build.starting(),
        "`Running`": build.running(),
        "`Stopping` by `suspend`": build.stopping("Suspend"),
        "`Stopping` by `Drain`": build.stopping("Drain"),
        "`Stopping` by `Terminate`": build.stopping("Terminate"),
        "`Stopping` by a deadline": build.stopping("ActiveDeadline"),
        "finished": build.finished(build.success()),
    }


def request_rows() -> Iterator[Row]:
    """What ``decide`` says, in each state, to each request."""
    for name, status in states().items():
        yield name, *(answer(status, asked) for asked in REQUESTS.values())


def answer(status: PipelineRunStatus, asked: Mapping[str, object]) -> str:
    """What follows from a request, while what is under way goes on."""
    under_way = status.phase in UNDER_WAY_PHASES
    held = status.phase == "Suspended" and "active_deadline" in asked
    observed = Observed(
        status=status,
        generation=1,
        created=build.NOW,
        requests=replace(Requests(suspend=held), **asked),  # type: ignore[arg-type]
        worker=build.WORKER,
        sighting=build.SIGHTINGS["starting"] if under_way else None,
    )
    return told(status, decide(observed, build.LATER))


def told(before: PipelineRunStatus, decision: Decision) -> str:
    """A decision in a few words."""
    after = decision.status
    if decision.start is not None:
        return "an attempt starts"
    if after.phase == before.phase and after.stopping == before.stopping:
        return "-"
    if after.stopping is None:
        return f"`{after.phase}`"
    if decision.stop == "Drain":
        return "drains"
    return f"is told to end: `{after.stopping.cause}`"
