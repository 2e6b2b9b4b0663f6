"""From the spelling of nv-ingest's pipeline files to that of a definition. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from pipelinerun.api.patterns import NAME_PATTERN
from pipelinerun.api.violations import InvalidDefinitionError, Violation, from_validation_error

Document = dict[str, Any]
Valid = TypeVar("Valid", bound=BaseModel)

OLDER = ("cpu_count_min", "cpu_count_max", "cpu_percent_min", "cpu_percent_max")
NEWER = ("min_replicas", "max_replicas", "static_replicas")

NO_PID = (
    "is left out: Ray Data scales the replicas between their bounds by what waits for them, and"
    " dynamic_memory_threshold bounds the rows in flight"
)
NO_BROKER = (
    "is left out: nothing starts a broker with the pipeline; run one, and give its address to the"
    " stages in config"
)
QUEUE_SIZE = 100
"""Of an edge that does not say, where there are queues."""
NO_TASK = (
    'must be the name of a task, or a list such as ["extract", {"document_type": "pdf"}] with each'
    " property once"
)
NO_SOURCE_REPLICAS = (
    "are left out: a source is called once; a reader of Ray Data reads in parallel by itself"
)
AT_LEAST_ONE = "0 becomes 1: a stage keeps one replica while it has work"


@dataclass(frozen=True)
class Note:
    """What was changed or left out on the way, and where."""

    path: str
    message: str


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


Positive = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class _Strategy(_Model):
    strategy: Literal[
        "static", "cpu_percentage", "memory_thresholding", "memory_static_global_percent"
    ]
    value: int | float | None = None
    limit: Positive | None = None
    cpu_percent: Share | None = None
    memory_per_replica_mb: Positive | None = None
    memory_threshold_percent: Share | None = None
    max_memory_budget_mb: Positive | None = None

    def translated(self) -> int | Document:
        """A number, or a strategy as a definition has it."""
        limit = {} if self.limit is None else {"limit": self.limit}
        match self.strategy:
            case "static":
                if not isinstance(self.value, int) or self.value < 1:
                    raise ValueError("value must be a number of replicas, from 1")
                return self.value if self.limit is None else min(self.value, self.limit)
            case "cpu_percentage":
                share = self.value if self.cpu_percent is None else self.cpu_percent
                if share is None or not 0 <= share <= 1:
                    raise ValueError("cpu_percent must be a share of the CPUs, from 0 to 1")
                return {"cpuPercentage": {"share": share, **limit}}
            case "memory_thresholding":
                share = self.memory_threshold_percent
                threshold = {} if share is None else {"threshold": share}
                return {"memoryThresholding": {**self._each(), **threshold, **limit}}
            case "memory_static_global_percent":
                mb = self.max_memory_budget_mb
                budget = {} if mb is None else {"budget": f"{mb}Mi"}
                return {"memoryStaticGlobalPercent": {**self._each(), **budget, **limit}}

    def _each(self) -> Document:
        if self.memory_per_replica_mb is None:
            raise ValueError("memory_per_replica_mb is required")
        return {"memoryPerReplica": f"{self.memory_per_replica_mb}Mi"}


def _as_strategy(value: object) -> object:
    plain = isinstance(value, int) and not isinstance(value, bool)
    return {"strategy": "static", "value": value} if plain else value


Number = Annotated[_Strategy, BeforeValidator(_as_strategy)]


class _Replicas(_Model):
    min_replicas: Annotated[int, Field(ge=0)] | None = None
    max_replicas: Number | None = None
    static_replicas: Number | None = None
    cpu_count_min: Annotated[int, Field(ge=0)] | None = None
    cpu_count_max: Positive | None = None
    cpu_percent_min: Share | None = None
    cpu_percent_max: Share | None = None


class _PidController(_Model):
    kp: float = 0
    ki: float = 0
    ema_alpha: float = 0
    target_queue_depth: int = 0
    penalty_factor: float = 0
    error_boost_factor: float = 0
    rcm_memory_safety_buffer_fraction: Share = 0


class _LeftOut(_Model):
    """What the runtime section may have, and what has no meaning here."""

    pid_controller: _PidController | None = None
    launch_simple_broker: bool | None = None


def translated(document: Mapping[str, Any]) -> tuple[Document, list[Note]]:
    """The document of a definition in its own spelling, and what to tell about it.

    What is in that spelling already, or is nothing that can be translated, stays as it is.

    Raises:
        InvalidDefinitionError: fields of nv-ingest's spelling that are wrong, with their paths.
    """
    work = _Translation()
    result = work.document(document)
    if work.wrong:
        raise InvalidDefinitionError(work.wrong)
    return result, work.notes


class _Translation:
    def __init__(self) -> None:
        self.wrong: list[Violation] = []
        self.notes: list[Note] = []

    def document(self, document: Mapping[str, Any]) -> Document:
        result = dict(document)
        if "pipeline" in result:
            if "runtime" in result:
                self._refuse("pipeline", "is what runtime is here; one of them is enough")
            result["runtime"] = self._runtime(result.pop("pipeline"))
        name = result.get("name")
        if isinstance(name, str) and not re.fullmatch(NAME_PATTERN, name):
            result["name"] = plain_name(name)
            self._note("name", f"{name!r} becomes {result['name']!r}")
        if isinstance(result.get("stages"), list):
            result["stages"] = [
                self._stage(stage, f"stages[{index}]")
                for index, stage in enumerate(result["stages"])
            ]
        if isinstance(result.get("edges"), list):
            result["edges"] = _with_queues(result["edges"])
        return result

    def _runtime(self, runtime: Any) -> Any:
        if not isinstance(runtime, dict):
            return runtime
        given = {key: runtime[key] for key in _LeftOut.model_fields if key in runtime}
        self._valid(_LeftOut, given, "pipeline")
        if given.get("pid_controller"):
            self._note("pipeline.pid_controller", NO_PID)
        if given.get("launch_simple_broker"):
            self._note("pipeline.launch_simple_broker", NO_BROKER)
        return {key: value for key, value in runtime.items() if key not in given}

    def _stage(self, stage: Any, path: str) -> Any:
        if not isinstance(stage, dict):
            return stage
        if isinstance(stage.get("task_filters"), list):
            stage = self._filtered(stage, f"{path}.task_filters")
        replicas = stage.get("replicas")
        if not isinstance(replicas, dict) or not replicas.keys() & {*OLDER, *NEWER}:
            return stage
        path = f"{path}.replicas"
        valid = self._valid(_Replicas, replicas, path)
        kept = {key: value for key, value in stage.items() if key != "replicas"}
        if valid is None:
            return kept
        wanted = self._replicas(valid, path)
        if stage.get("type") != "source":
            return {**kept, "replicas": wanted} if wanted else kept
        if any(count not in (0, 1) for count in wanted.values()):
            self._note(path, NO_SOURCE_REPLICAS)
        return kept

    def _filtered(self, stage: Document, path: str) -> Document:
        """A stage whose filters have names of tasks apart from those with properties."""
        names: list[Any] = []
        matches: list[Document] = []
        for index, item in enumerate(stage["task_filters"]):
            match item:
                case [str() as name]:
                    names.append(name)
                case [str() as name, *properties] if _apart(properties):
                    together = {key: value for it in properties for key, value in it.items()}
                    matches.append({"task": name, "properties": together})
                case list() | dict():
                    self._refuse(f"{path}[{index}]", NO_TASK)
                case _:
                    names.append(item)
        if not matches:
            return {**stage, "task_filters": names}
        kept = {key: it for key, it in stage.items() if key != "task_filters"}
        return {**kept, **({"task_filters": names} if names else {}), "task_matches": matches}

    def _replicas(self, replicas: _Replicas, path: str) -> Document:
        self._check_spellings(replicas, path)
        result: Document = {}
        for field in ("min_replicas", "cpu_count_min"):
            least = getattr(replicas, field)
            if least == 0:
                self._note(f"{path}.{field}", AT_LEAST_ONE)
            if least is not None:
                result["min"] = max(1, least)
        if replicas.cpu_count_max is not None:
            result["max"] = replicas.cpu_count_max
        for end in ("min", "max"):
            share = getattr(replicas, f"cpu_percent_{end}")
            if share is not None:
                result[f"{end}By"] = {"cpuPercentage": {"share": share}}
        for end in ("max", "static"):
            strategy: _Strategy | None = getattr(replicas, f"{end}_replicas")
            if strategy is not None:
                result |= self._number(end, strategy, f"{path}.{end}_replicas")
        return result

    def _check_spellings(self, replicas: _Replicas, path: str) -> None:
        given = replicas.model_dump(exclude_none=True).keys()
        if given & {*OLDER} and given & {*NEWER}:
            self._refuse(path, f"{', '.join(OLDER)} do not go with {', '.join(NEWER)}")
        for end in ("min", "max"):
            if {f"cpu_count_{end}", f"cpu_percent_{end}"} <= given:
                self._refuse(path, f"cpu_count_{end} does not go with cpu_percent_{end}")

    def _number(self, field: str, strategy: _Strategy, path: str) -> Document:
        try:
            number = strategy.translated()
        except ValueError as error:
            self._refuse(path, str(error))
            return {}
        return {field if isinstance(number, int) else f"{field}By": number}

    def _valid(self, model: type[Valid], fields: Document, path: str) -> Valid | None:
        try:
            return model.model_validate({key: it for key, it in fields.items() if it is not None})
        except ValidationError as error:
            self.wrong += [it.under(path) for it in from_validation_error(error)]
            return None

    def _refuse(self, path: str, message: str) -> None:
        self.wrong.append(Violation(path, message))

    def _note(self, path: str, message: str) -> None:
        self.notes.append(Note(path, message))


def _with_queues(edges: list[Any]) -> list[Any]:
    """Edges of which each into a stage has a queue, if one has."""
    written = [edge for edge in edges if isinstance(edge, dict)]
    bounded = [edge.get("to") for edge in written if edge.get("queue_size") is not None]
    return [
        {**edge, "queue_size": QUEUE_SIZE}
        if edge in written and edge.get("to") in bounded and edge.get("queue_size") is None
        else edge
        for edge in edges
    ]


def _apart(properties: list[Any]) -> bool:
    """Whether these are objects that have no key in common."""
    if not all(isinstance(it, dict) for it in properties):
        return False
    keys = [key for it in properties for key in it]
    return len(keys) == len({*keys})


def plain_name(text: str) -> str:
    """A name made of a text: its letters and digits, with dashes between them."""
    return "-".join(re.findall("[A-Za-z0-9]+", text))[:63].strip("-") or "pipeline"
