"""Every metric: name, help text, labels and buckets. Code and reference are made of these."""

from dataclasses import dataclass, field
from itertools import product
from typing import Final, Literal, get_args

from pipelinerun.api.spec import Mode
from pipelinerun.api.status import TERMINAL_PHASES, FailureClass, Phase

Kind = Literal["counter", "gauge", "histogram"]

_FAST: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_WAITS: Final = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 14400.0)
_LONG: Final = (*_WAITS[:-1], 7200.0, 14400.0, 43200.0, 86400.0)
_WRITES: Final = (3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0, 25.0, 50.0, 100.0)


@dataclass(frozen=True)
class Metric:
    """One metric.

    Attributes:
        name: as Prometheus knows it.
        kind: its type.
        help: what it says, in one sentence.
        labels: their names; ``LABELS`` says what they hold.
        buckets: upper bounds of a histogram.
        initial: label values that are there with 0 from the start, so that the first one counted
            is an increase.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    initial: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Label:
    """What a label holds.

    Attributes:
        help: in a few words.
        values: all there are; empty where that is not known.
    """

    help: str
    values: tuple[str, ...] = field(default=())


PHASES: Final = get_args(Phase)
MODES: Final = get_args(Mode)
UNKNOWN_MODE: Final = "Unknown"
BUDGETS: Final = ("user", "infrastructure", "ignored")
RESULTS: Final = ("ok", "conflict", "lost", "transient", "refused", "invalid", "error")
CLASSES: Final = ("", *get_args(FailureClass))

LABELS: Final[dict[str, Label]] = {
    "phase": Label("phase of a run", PHASES),
    "outcome": Label(
        "phase in which a run ended", tuple(it for it in PHASES if it in TERMINAL_PHASES)
    ),
    "failure_class": Label("class of the failure; empty where there was none", CLASSES),
    "mode": Label(
        f"mode of a run; {UNKNOWN_MODE} if its spec cannot be read", (*MODES, UNKNOWN_MODE)
    ),
    "reason": Label("one of the [reasons](reasons.md)"),
    "budget": Label("what the failed attempt was counted against", BUDGETS),
    "direction": Label("into a stage, or out of it", ("in", "out")),
    "result": Label(
        "how it ended; `error` is a defect, `conflict` and `lost` are everyday",
        RESULTS,
    ),
    "verb": Label("HTTP method"),
    "code": Label("HTTP status code; `error` stands for requests that were not answered"),
    "priority": Label("what a request is for", ("upkeep", "start", "work")),
    "kind": Label("what is watched", ("PipelineRuns", "pods", "namespaces")),
    "version": Label("of the operator"),
    "namespace": Label("of the run"),
    "run": Label("name of the run"),
    "stage": Label("name of the stage"),
    "attempt": Label("number of the attempt; `finally` for the finally stages"),
}

RUNS: Final = Metric("pipelinerun_runs", "gauge", "Runs that there are, by phase.", ("phase",))
LONGEST_WAIT: Final = Metric(
    "pipelinerun_longest_wait_seconds",
    "gauge",
    "Seconds for which a run has been waiting at most: Pending since it could have started, "
    "Starting since its attempt was handed out.",
    ("phase",),
)
STATUS_STALENESS: Final = Metric(
    "pipelinerun_status_staleness_seconds",
    "gauge",
    "Seconds since a Running run was last compared with its status without an error, at most; "
    "10 is normal.",
)
RUNS_FINISHED: Final = Metric(
    "pipelinerun_runs_finished_total",
    "counter",
    "Runs that have ended.",
    ("outcome", "failure_class", "mode"),
    initial=(
        *product(("Succeeded",), ("",), MODES),
        *product(("Failed",), get_args(FailureClass), MODES),
        *product(("Cancelled",), ("", "Cancelled"), MODES),
    ),
)
RUN_DURATION: Final = Metric(
    "pipelinerun_run_duration_seconds",
    "histogram",
    "Seconds from the start of a run's first attempt to the run's end.",
    ("outcome", "mode"),
    _LONG,
)
QUEUE_WAIT: Final = Metric(
    "pipelinerun_run_queue_wait_seconds",
    "histogram",
    "Seconds from the creation of a run, or since it was resumed, to the start of an attempt.",
    ("mode",),
    _WAITS,
)
START_LATENCY: Final = Metric(
    "pipelinerun_attempt_start_latency_seconds",
    "histogram",
    "Seconds of an attempt in which its pipeline did not run: before, for a node, an image and "
    "the worker's start, and after, until its end was seen.",
    ("mode",),
    _WAITS,
)
ATTEMPTS: Final = Metric(
    "pipelinerun_attempts_total", "counter", "Attempts that have ended.", ("mode", "reason")
)
RETRIES: Final = Metric(
    "pipelinerun_retries_total",
    "counter",
    "Attempts that failed and are followed by another one.",
    ("budget", "mode"),
    initial=(*product(BUDGETS, MODES),),
)
STAGE_ROWS: Final = Metric(
    "pipelinerun_stage_rows_total",
    "counter",
    "Rows that went through stages, over all stages; counted as statuses show them.",
    ("direction", "mode"),
    initial=(*product(("in", "out"), MODES),),
)
STAGE_ERRORS: Final = Metric(
    "pipelinerun_stage_errors_total",
    "counter",
    "Calls of stages that raised, over all stages.",
    ("mode",),
    initial=(*product(MODES),),
)
STAGE_SECONDS: Final = Metric(
    "pipelinerun_stage_seconds_total",
    "counter",
    "Seconds spent in the code of stages, over all stages and their replicas.",
    ("mode",),
    initial=(*product(MODES),),
)
RUN_API_WRITES: Final = Metric(
    "pipelinerun_run_api_writes",
    "histogram",
    "Writes to the API server that a run took, events included; of runs that this operator saw "
    "from their beginning to their end.",
    ("mode",),
    _WRITES,
)
RECONCILES: Final = Metric(
    "pipelinerun_reconciles_total",
    "counter",
    "Times that a run was looked at.",
    ("result",),
    initial=(*product(RESULTS),),
)
RECONCILE_DURATION: Final = Metric(
    "pipelinerun_reconcile_duration_seconds",
    "histogram",
    "Seconds that one look at a run takes, requests to the API server included.",
    buckets=_FAST,
)
RECONCILE_STALLED: Final = Metric(
    "pipelinerun_reconcile_stalled_seconds",
    "gauge",
    "Seconds for which one run is looked at, or none of those that wait was taken.",
)
QUEUE_DEPTH: Final = Metric(
    "pipelinerun_queue_depth", "gauge", "Runs that wait for the reconciler."
)
API_REQUESTS: Final = Metric(
    "pipelinerun_api_requests_total",
    "counter",
    "Requests to the API server, apart from watches and the lease.",
    ("verb", "code"),
)
API_WAIT: Final = Metric(
    "pipelinerun_api_wait_seconds",
    "histogram",
    "Seconds that a request waits for the operator's own rate limit, and while the API server "
    "wants to be left alone.",
    ("priority",),
    _FAST,
)
UNSEEN_CHANGES: Final = Metric(
    "pipelinerun_watch_unseen_changes",
    "gauge",
    "Changes that a watch should have shown long ago; more than 0 means that it stalls.",
    ("kind",),
)
LEADER: Final = Metric(
    "pipelinerun_operator_leader",
    "gauge",
    "Whether this operator carries out runs: 1 if it leads, 0 if it stands by.",
)
MEMORY_LIMIT: Final = Metric(
    "pipelinerun_operator_memory_limit_bytes",
    "gauge",
    "Memory that the operator's container may use; missing without a limit.",
)
BUILD_INFO: Final = Metric("pipelinerun_operator_build_info", "gauge", "Always 1.", ("version",))

_STAGE: Final = ("namespace", "run", "stage")
WORKER_ROWS_IN: Final = Metric(
    "pipelinerun_worker_stage_rows_in_total", "counter", "Rows that went into a stage.", _STAGE
)
WORKER_ROWS_OUT: Final = Metric(
    "pipelinerun_worker_stage_rows_out_total", "counter", "Rows that came out of a stage.", _STAGE
)
WORKER_ERRORS: Final = Metric(
    "pipelinerun_worker_stage_errors_total", "counter", "Calls of a stage that raised.", _STAGE
)
WORKER_SECONDS: Final = Metric(
    "pipelinerun_worker_stage_seconds_total",
    "counter",
    "Seconds spent in a stage's code, over its replicas.",
    _STAGE,
)
WORKER_REPLICAS: Final = Metric(
    "pipelinerun_worker_stage_replicas", "gauge", "Processes that work for a stage.", _STAGE
)
WORKER_ELAPSED: Final = Metric(
    "pipelinerun_worker_elapsed_seconds",
    "gauge",
    "Seconds since the attempt's worker has started.",
    ("namespace", "run", "attempt"),
)

OF_RUNS: Final = (
    RUNS,
    LONGEST_WAIT,
    STATUS_STALENESS,
    RUNS_FINISHED,
    RUN_DURATION,
    QUEUE_WAIT,
    START_LATENCY,
    ATTEMPTS,
    RETRIES,
    STAGE_ROWS,
    STAGE_ERRORS,
    STAGE_SECONDS,
    RUN_API_WRITES,
)
"""Of the operator that leads: the others would count the same runs again."""
OF_OPERATOR: Final = (
    RECONCILES,
    RECONCILE_DURATION,
    RECONCILE_STALLED,
    QUEUE_DEPTH,
    API_REQUESTS,
    API_WAIT,
    UNSEEN_CHANGES,
    LEADER,
    MEMORY_LIMIT,
    BUILD_INFO,
)
"""Of each operator."""
OF_WORKER: Final = (
    WORKER_ROWS_IN,
    WORKER_ROWS_OUT,
    WORKER_ERRORS,
    WORKER_SECONDS,
    WORKER_REPLICAS,
    WORKER_ELAPSED,
)
"""Of a worker pod, while it is there."""
