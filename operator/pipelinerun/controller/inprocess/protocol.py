"""What the operator and its gateway say to each other: one JSON object a line."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from pipelinerun.api.job import PipelineJob, RunIdentity
from pipelinerun.api.spec import Shutdown
from pipelinerun.api.status import Outcome, StageStatus
from pipelinerun.controller.log import LogFormat

LINE_LIMIT = 64 * 1024 * 1024
"""Longest line, in bytes; a job may carry its code, a status 500 stages."""


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True)


class AttemptKey(_Message):
    """One attempt of one run."""

    namespace: str
    name: str
    uid: str
    number: int

    @classmethod
    def of(cls, run: RunIdentity) -> "AttemptKey":
        """The key of the attempt that an identity names."""
        return cls(namespace=run.namespace, name=run.name, uid=run.uid, number=run.attempt)


class RaySettings(_Message):
    """The Ray that a gateway starts.

    Attributes:
        temp_dir: folder for its session.
        cpus: what it offers; None is what the gateway may use.
        object_store: bytes; None is a share of the memory.
        log_format: of the gateway's log, and of what runs print there.
    """

    temp_dir: str
    cpus: int | None
    object_store: int | None
    log_format: LogFormat = "console"


class Open(_Message):
    """Operator to gateway, first of all: serve this connection from now on, and no earlier one."""

    type: Literal["open"] = "open"
    capacity: int


class Extend(_Message):
    """Operator to gateway: go on until then.

    Attributes:
        until: when all attempts have to have ended unless there is another such message, by
            ``clock.now``, which both processes share; None is never.
    """

    type: Literal["extend"] = "extend"
    until: float | None


class Start(_Message):
    """Operator to gateway: start an attempt."""

    type: Literal["start"] = "start"
    job: PipelineJob


class Release(_Message):
    """Operator to gateway: end an attempt if it still runs; its driver may be used again."""

    type: Literal["release"] = "release"
    key: AttemptKey


class Stop(_Message):
    """Operator to gateway: have an attempt end.

    Attributes:
        key: the attempt.
        how: see ``Realiser.stop``.
        grace: seconds that Terminate gives it to end by itself.
    """

    type: Literal["stop"] = "stop"
    key: AttemptKey
    how: Shutdown
    grace: float


class Hello(_Message):
    """Gateway to operator: Ray is there, and these attempts are running on it already."""

    type: Literal["hello"] = "hello"
    attempts: list[AttemptKey]


class Progress(_Message):
    """Gateway to operator: an attempt runs, and its stages are this far."""

    type: Literal["progress"] = "progress"
    key: AttemptKey
    stages: list[StageStatus]


class Ended(_Message):
    """Gateway to operator: an attempt has ended."""

    type: Literal["ended"] = "ended"
    key: AttemptKey
    outcome: Outcome


class Lost(_Message):
    """Gateway to operator: the driver of an attempt is gone, nobody knows why."""

    type: Literal["lost"] = "lost"
    key: AttemptKey
    message: str


ToGateway = Annotated[Extend | Start | Stop | Release, Field(discriminator="type")]
FromGateway = Annotated[Hello | Progress | Ended | Lost, Field(discriminator="type")]

TO_GATEWAY: TypeAdapter[ToGateway] = TypeAdapter(ToGateway)
FROM_GATEWAY: TypeAdapter[FromGateway] = TypeAdapter(FromGateway)


def encode(message: BaseModel) -> bytes:
    """A message as a line."""
    return message.model_dump_json(by_alias=True).encode() + b"\n"
