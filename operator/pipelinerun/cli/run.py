"""``pipelinerun run``."""

import json
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import IO, Annotated

import typer
import yaml
from rich.console import Console

from pipelinerun.api import graph
from pipelinerun.api.exit_codes import SIGNAL_BASE, ExitCode
from pipelinerun.api.job import PipelineJob, RunIdentity
from pipelinerun.api.prepare import prepare
from pipelinerun.api.run import (
    MESSAGE_LIMIT,
    Failure,
    Outcome,
    ParamValue,
    PipelineRun,
    PipelineRunStatus,
    StageStatus,
)
from pipelinerun.api.violations import InvalidDefinitionError, Violation
from pipelinerun.cli.files import read_manifests
from pipelinerun.cli.progress import reporter_for
from pipelinerun.cli.render import summary
from pipelinerun.core import status as build

_STOPPING = "Stopping; press Ctrl-C again to end at once."


class Format(StrEnum):
    """Forms of the result."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


class _Interrupted(KeyboardInterrupt):
    def __init__(self, signum: int) -> None:
        super().__init__()
        self.signum = signum


def run(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Manifest; - is stdin.")],
    in_process: Annotated[
        bool | None,
        typer.Option(
            "--in-process/--subprocess",
            help="Run in this process or in a supervised child. The manifest's mode decides "
            "when left out.",
        ),
    ] = None,
    params: Annotated[
        list[str] | None,
        typer.Option("--param", "-p", metavar="NAME=VALUE", help="Parameter; may be repeated."),
    ] = None,
    output: Annotated[
        Format, typer.Option("--output", "-o", help="Form of the status printed at the end.")
    ] = Format.TABLE,
    disable_dynamic_scaling: Annotated[
        bool | None,
        typer.Option("--disable-dynamic-scaling", help="Run every stage with its static replicas."),
    ] = None,
    dynamic_memory_threshold: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Share of the object store that rows may fill."),
    ] = None,
) -> None:
    """Run a manifest without a cluster, and end with the pipeline's exit code.

    Progress goes to stderr. With `-o json` or `-o yaml` the status that a cluster would show goes
    to stdout, and the pipeline's own output to stderr.

    **Examples**

    - `pipelinerun run run.yaml`
    - `pipelinerun run run.yaml -p input=data -p limit=100`
    - `pipelinerun run run.yaml --in-process -o json | jq .exitCode`
    """
    from pipelinerun.execution.overrides import RuntimeOverrides  # noqa: PLC0415

    overrides = RuntimeOverrides(disable_dynamic_scaling, dynamic_memory_threshold)
    # As `python -m` does: modules next to where the user stands can be imported.
    sys.path.insert(0, str(Path.cwd()))
    started = datetime.now(UTC)
    try:
        manifest = _with_params(_one(read_manifests(file)), params or [])
        job = prepare(manifest.spec, _identity(manifest))
    except InvalidDefinitionError as error:
        status = _status([], _refused(error), started)
    else:
        definition = overrides.apply(job.definition)
        job = job.model_copy(update={"definition": definition})
        subprocess = manifest.spec.mode == "Subprocess" if in_process is None else not in_process
        names = [stage.name for stage in graph.stage_line(definition)]
        status = _status(names, _execute(job, subprocess, output), started)
    _print(status, output)
    raise typer.Exit(status.exit_code or 0)


def _execute(job: PipelineJob, subprocess: bool, output: Format) -> Outcome:
    from pipelinerun.execution.factory import create_strategy  # noqa: PLC0415
    from pipelinerun.execution.lifecycle import PipelineLifecycleManager  # noqa: PLC0415
    from pipelinerun.execution.options import ExecutionOptions  # noqa: PLC0415
    from pipelinerun.execution.result import PipelineFailedError  # noqa: PLC0415

    console = Console(stderr=True)
    stages: Sequence[StageStatus] = ()
    stdout: IO[str] = sys.stdout if output is Format.TABLE else sys.stderr

    with reporter_for(console) as reporter, _signals(console):

        def note(current: list[StageStatus]) -> None:
            nonlocal stages
            stages = current
            reporter.update(current)

        options = ExecutionOptions(
            stdout=reporter.stream(stdout), stderr=reporter.stream(sys.stderr), on_progress=note
        )
        manager = PipelineLifecycleManager(create_strategy(subprocess))
        try:
            outcome = manager.start(job, options).outcome
        except PipelineFailedError as error:
            return error.outcome
        except _Interrupted as interruption:
            return _cancelled(interruption.signum, stages)
    assert outcome is not None
    return outcome


@contextmanager
def _signals(console: Console) -> Iterator[None]:
    """Let SIGINT and SIGTERM end the execution in order, and tell so."""

    def interrupt(signum: int, _frame: FrameType | None) -> None:
        if signum == signal.SIGINT:
            console.print(_STOPPING, highlight=False)
        raise _Interrupted(signum)

    before = {it: signal.signal(it, interrupt) for it in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


def _one(manifests: list[PipelineRun]) -> PipelineRun:
    if len(manifests) > 1:
        text = f"{len(manifests)} PipelineRuns in it; exactly one can be run"
        raise InvalidDefinitionError([Violation("", text)])
    return manifests[0]


def _with_params(manifest: PipelineRun, given: list[str]) -> PipelineRun:
    """The manifest with parameters of the command line, which win over its own."""
    values = {param.name: param.value for param in manifest.spec.params}
    for text in given:
        name, separator, value = text.partition("=")
        if not separator:
            raise typer.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--param")
        values[name] = value
    params = [ParamValue(name=name, value=value) for name, value in values.items()]
    spec = manifest.spec.model_copy(update={"params": params})
    return manifest.model_copy(update={"spec": spec})


def _identity(manifest: PipelineRun) -> RunIdentity:
    metadata = manifest.metadata
    return RunIdentity(
        name=metadata.name or metadata.generate_name or "local",
        namespace=metadata.namespace or "default",
    )


def _refused(error: InvalidDefinitionError) -> Outcome:
    message = "\n".join(str(violation) for violation in error.violations)
    failure = Failure(class_="Config", message=message[:MESSAGE_LIMIT])
    return Outcome(exit_code=ExitCode.INVALID_DEFINITION, failure=failure)


def _cancelled(signum: int, stages: Sequence[StageStatus]) -> Outcome:
    name = signal.Signals(signum).name
    failure = Failure(class_="Cancelled", message=f"interrupted by {name}", signal=signum)
    return Outcome(exit_code=SIGNAL_BASE + signum, failure=failure, stages=list(stages))


def _status(names: Sequence[str], outcome: Outcome, started: datetime) -> PipelineRunStatus:
    """The status that a cluster would show."""
    now = datetime.now(UTC)
    status = PipelineRunStatus()
    if names:
        status = build.attempt_started(status, names, None, generation=None, now=started)
        status = build.attempt_ended(status, outcome, now=now)
    return build.finished(status, outcome, generation=None, now=now)


def _print(status: PipelineRunStatus, output: Format) -> None:
    if output is Format.TABLE:
        Console(stderr=True, highlight=False).print(summary(status))
        return
    document = status.model_dump(mode="json", by_alias=True, exclude_none=True)
    if output is Format.JSON:
        typer.echo(json.dumps(document, indent=2))
    else:
        typer.echo(yaml.safe_dump(document, sort_keys=False), nl=False)
