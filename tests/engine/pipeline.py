"""Pipelines written as users write them, and what became of them."""

import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pipelinerun.api.code import Code
from pipelinerun.api.definition import PipelineDefinition
from pipelinerun.api.job import PipelineJob, RunIdentity
from pipelinerun.api.status import Failure, Outcome, StageStatus
from pipelinerun.engine.run import run_pipeline

Stages = list[dict[str, Any]]

KEEP = '''
import json
import sys


def keep(row, file):
    """A sink: one line per row."""
    with open(file, "a") as lines:
        lines.write(json.dumps(row, default=str) + "\\n")
'''

RUN = RunIdentity(name="run", namespace="here", uid="u", attempt=2, params={"p": 1})


class Pipeline:
    """Runs stages with their code, and reads what the ``keep`` sink was given."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kept = folder / "kept.jsonl"
        self.stopping, self.draining = threading.Event(), threading.Event()

    @property
    def keep(self) -> dict[str, Any]:
        """A sink that keeps rows."""
        config = {"file": str(self.kept)}
        return {"name": "keep", "type": "sink", "callable": "sinks:keep", "config": config}

    @property
    def rows(self) -> list[dict[str, Any]]:
        """What was kept, in no order."""
        if not self.kept.exists():
            return []
        return [json.loads(line) for line in self.kept.read_text().splitlines()]

    def job(
        self,
        stages: Stages,
        code: str = "",
        files: Mapping[str, str] | None = None,
        run: RunIdentity = RUN,
        resume_from: str | None = None,
        **definition: Any,
    ) -> PipelineJob:
        document = {"stages": stages, **definition}
        return PipelineJob(
            definition=PipelineDefinition.model_validate(document),
            code=Code(files={"steps.py": code, "sinks.py": KEEP, **(files or {})}),
            run=run,
            resume_from=resume_from,
        )

    def __call__(
        self,
        stages: Stages,
        code: str = "",
        *,
        on_progress: Callable[[list[StageStatus]], None] | None = None,
        **definition: Any,
    ) -> Outcome:
        job = self.job(stages, code, **definition)
        return run_pipeline(
            job, on_progress=on_progress, stopping=self.stopping, draining=self.draining
        )


def numbers(count: int) -> dict[str, Any]:
    """A source of rows with ``id`` from 0."""
    return {"name": "read", "type": "source", "callable": "ray.data:range", "config": {"n": count}}


def source(name: str, **config: Any) -> dict[str, Any]:
    """A source of the code that comes with the run."""
    return {"name": "read", "type": "source", "callable": f"steps:{name}", "config": config}


def work(name: str = "work", *, config: dict[str, Any] | None = None, **fields: Any) -> Any:
    """A stage named ``work``; upper-case names are classes."""
    field = "actor" if name[0].isupper() else "callable"
    return {"name": "work", field: f"steps:{name}", "config": config or {}, **fields}


def counts(outcome: Outcome) -> list[tuple[int, int]]:
    """Rows in and out of every stage."""
    return [(stage.rows_in, stage.rows_out) for stage in outcome.stages]


def states(outcome: Outcome) -> list[str]:
    """State of every stage."""
    return [stage.state for stage in outcome.stages]


def failure_of(outcome: Outcome) -> Failure:
    """The failure of an outcome that has one."""
    assert outcome.failure is not None
    return outcome.failure
