"""``pipelinerun run``."""

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer
import yaml
from rich.console import Console, RenderableType

from pipelinerun.api import ray
from pipelinerun.api.code_files import wrong_without_cluster
from pipelinerun.api.job import PipelineJob, RunIdentity
from pipelinerun.api.prepare import prepare
from pipelinerun.api.run import PipelineRun
from pipelinerun.api.spec import ParamValue
from pipelinerun.api.status import PipelineRunStatus
from pipelinerun.api.topology import topology_of
from pipelinerun.api.violations import InvalidDefinitionError, Violation
from pipelinerun.cli.execute import How, execute, execute_finally
from pipelinerun.cli.files import read_manifests
from pipelinerun.cli.render import summary, verdict
from pipelinerun.cli.status import document, ended, finally_ended, refused, verdict_of
from pipelinerun.execution.overrides import RuntimeOverrides

_TUNING = "Overrides of spec.pipeline.runtime"


class Format(StrEnum):
    """Forms of the result."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


Params = Annotated[
    list[str] | None,
    typer.Option(
        "--param", "-p", metavar="NAME=VALUE", help="Parameter; may be given several times."
    ),
]


def run(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Manifest; - is stdin.")],
    in_process: Annotated[
        bool | None,
        typer.Option(
            "--in-process/--subprocess",
            help="Run in this process or in a supervised child; by default as spec.mode says.",
        ),
    ] = None,
    params: Params = None,
    stage: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="STAGE",
            help="Start at a stage, with the rows in the checkpoint of the stage before it.",
        ),
    ] = None,
    ray_address: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Submit it to a Ray cluster: address of the dashboard, such as http://head:8265.",
        ),
    ] = None,
    output: Annotated[
        Format, typer.Option("--output", "-o", help="Form of the status printed at the end.")
    ] = Format.TABLE,
    report_file: Annotated[
        str | None,
        typer.Option(
            "--report",
            metavar="FILE",
            help="Write a JSON report of the run here, a file or a URI (`s3://`, `gs://`)",
        ),
    ] = None,
    disable_dynamic_scaling: Annotated[
        bool | None,
        typer.Option(
            "--disable-dynamic-scaling",
            rich_help_panel=_TUNING,
            help="Run every stage with its static replicas.",
        ),
    ] = None,
    dynamic_memory_threshold: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            metavar="SHARE",
            rich_help_panel=_TUNING,
            help="Share of the object store that rows may fill, from 0 to 1.",
        ),
    ] = None,
    static_memory_threshold: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            metavar="SHARE",
            rich_help_panel=_TUNING,
            help="Share of the memory for stages that share it when scaling is static, 0 to 1.",
        ),
    ] = None,
) -> None:
    """Run a manifest without a cluster, and end with the pipeline's exit code.

    There is one attempt: retries are the cluster's. Finally stages run whatever way the pipeline
    ended. Progress and the summary go to stderr, so that
    stdout is the pipeline's. With `-o json` or `-o yaml` the status that a cluster would show goes
    to stdout, and the pipeline's own output to stderr. Ctrl-C ends the pipeline in order, a second
    one at once; the finally stages run then, and end in the same way.

    **Examples**

    - `pipelinerun run run.yaml`
    - `pipelinerun run run.yaml -p input=data -p limit=100`
    - `pipelinerun run run.yaml --in-process -o json | jq .exitCode`
    - `pipelinerun run run.yaml --ray-address http://head:8265`
    """
    given = parse_params(params or [])
    # As `python -m` does: modules next to where the user stands can be imported.
    sys.path.insert(0, str(Path.cwd()))
    started = datetime.now(UTC)
    try:
        manifest = with_start(with_params(_one(read_manifests(file)), given), stage)
        manifest = with_cluster(manifest, ray_address)
        job = _prepared(manifest)
    except InvalidDefinitionError as error:
        report = verdict(file, error.violations)
        _finish(refused(error, now=started), report, output)
    overrides = RuntimeOverrides(
        disable_dynamic_scaling, dynamic_memory_threshold, static_memory_threshold
    )
    definition = overrides.apply(job.definition)
    if report_file is not None:
        definition = definition.model_copy(update={"report": report_file})
    job = job.model_copy(update={"definition": definition})
    how = How(
        in_subprocess=manifest.spec.mode == "Subprocess" if in_process is None else not in_process,
        stdout_is_ours=output is not Format.TABLE,
    )
    outcome, last = execute(job, how), None
    if job.definition.finally_:
        over = datetime.now(UTC)
        told = execute_finally(
            job, verdict_of(outcome), how, seconds=manifest.spec.finally_deadline_seconds
        )
        last = finally_ended(told, started=over, now=datetime.now(UTC))
    names = [*topology_of(job.definition).stages]
    status = ended(names, outcome, started=started, now=datetime.now(UTC), last=last)
    _finish(status, summary(status), output)


def parse_params(texts: list[str]) -> dict[str, str]:
    """Parameters given as ``name=value``; of a name given twice the last one counts.

    Raises:
        typer.BadParameter: a text has another form.
    """
    pairs = [text.partition("=") for text in texts]
    for name, separator, _ in pairs:
        if not (name and separator):
            raise typer.BadParameter(f"{name!r} is not NAME=VALUE", param_hint="--param")
    return {name: value for name, _, value in pairs}


def with_params(manifest: PipelineRun, given: Mapping[str, str]) -> PipelineRun:
    """The manifest with parameters of the command line, which win over its own."""
    kept = [param for param in manifest.spec.params if param.name not in given]
    # Not validated here: what is wrong with a name is told as a violation, like all the rest.
    added = [ParamValue.model_construct(name=name, value=value) for name, value in given.items()]
    spec = manifest.spec.model_copy(update={"params": [*kept, *added]})
    return manifest.model_copy(update={"spec": spec})


def with_start(manifest: PipelineRun, stage: str | None) -> PipelineRun:
    """The manifest with the stage to start at; None leaves what it says itself."""
    if stage is None:
        return manifest
    spec = manifest.spec.model_copy(update={"resume_from": stage})
    return manifest.model_copy(update={"spec": spec})


def with_cluster(manifest: PipelineRun, address: str | None) -> PipelineRun:
    """The manifest with the cluster to run on; None leaves what it says itself."""
    if address is None:
        return manifest
    # A token comes from the environment here, not from a Secret.
    spec = manifest.spec.model_copy(update={"ray": ray.Ray.model_construct(address=address)})
    return manifest.model_copy(update={"spec": spec})


def _one(manifests: list[PipelineRun]) -> PipelineRun:
    if len(manifests) > 1:
        text = f"{len(manifests)} PipelineRuns in it; exactly one can be run"
        raise InvalidDefinitionError([Violation("", text)])
    return manifests[0]


def _prepared(manifest: PipelineRun) -> PipelineJob:
    metadata = manifest.metadata
    identity = RunIdentity(
        name=metadata.name or metadata.generate_name or "local",
        namespace=metadata.namespace or "default",
    )
    try:
        job = prepare(manifest.spec, identity)
    except InvalidDefinitionError as error:
        raise InvalidDefinitionError(it.under("spec") for it in error.violations) from None
    wrong = [
        *(it.under("spec.code") for it in wrong_without_cluster(job.code)),
        *(it.under("spec.ray") for it in ray.wrong_without_cluster(job.ray)),
    ]
    if wrong:
        raise InvalidDefinitionError(wrong)
    return job


def _finish(status: PipelineRunStatus, report: RenderableType, output: Format) -> NoReturn:
    """Print the result in the form that was asked for, and end with its exit code."""
    match output:
        case Format.TABLE:
            Console(stderr=True, highlight=False).print(report, soft_wrap=True)
        case Format.JSON:
            typer.echo(json.dumps(document(status), indent=2))
        case Format.YAML:
            typer.echo(yaml.safe_dump(document(status), sort_keys=False), nl=False)
    raise typer.Exit(status.exit_code or 0)
