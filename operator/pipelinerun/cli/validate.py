"""``pipelinerun validate``."""

import json
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from pipelinerun.api.code_files import wrong_without_cluster
from pipelinerun.api.exit_codes import ExitCode
from pipelinerun.api.job import PipelineJob, RunIdentity
from pipelinerun.api.prepare import prepare
from pipelinerun.api.spec import PipelineRunSpec
from pipelinerun.api.violations import InvalidDefinitionError, Violation
from pipelinerun.cli.files import read_manifests
from pipelinerun.cli.output import routed
from pipelinerun.cli.render import verdict
from pipelinerun.engine import importer
from pipelinerun.engine.errors import SupplyError
from pipelinerun.engine.loading import wrong_code
from pipelinerun.engine.supply import supplied


class Format(StrEnum):
    """Forms of the result."""

    TEXT = "text"
    JSON = "json"


def validate(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Manifests; - is stdin.")],
    output: Annotated[Format, typer.Option("--output", "-o", help="Form of the result.")] = (
        Format.TEXT
    ),
    imports: Annotated[
        bool,
        typer.Option(
            "--imports",
            help="Also load the stages' code and check that config fits it. Modules next to where "
            "you stand and the run's own are found.",
        ),
    ] = False,
) -> None:
    """Check manifests by every rule that needs no cluster.

    All violations are listed at once, each with the path of its field. Ends with exit code 2 if
    there are any.

    **Examples**

    - `pipelinerun validate run.yaml`
    - `pipelinerun validate runs/*.yaml --imports`
    - `pipelinerun validate runs/*.yaml -o json`
    """
    sys.path.insert(0, str(Path.cwd()))
    with routed(sys.stdout, sys.stderr):  # what the stages' modules print when they are loaded
        results = {path: violations_of(path, imports=imports) for path in files}
    _print(results, output)
    if any(results.values()):
        raise typer.Exit(ExitCode.INVALID_DEFINITION)


def violations_of(path: str, *, imports: bool) -> list[Violation]:
    """What is wrong with a file."""
    try:
        manifests = read_manifests(path)
    except InvalidDefinitionError as error:
        return list(error.violations)
    return [
        violation.under("spec").under(f"document[{index}]" if len(manifests) > 1 else "")
        for index, manifest in enumerate(manifests)
        for violation in _wrong_spec(manifest.spec, imports=imports)
    ]


def _wrong_spec(spec: PipelineRunSpec, *, imports: bool) -> Sequence[Violation]:
    try:
        job = prepare(spec, RunIdentity())
    except InvalidDefinitionError as error:
        return error.violations
    return _wrong_imports(job) if imports else ()


def _wrong_imports(job: PipelineJob) -> list[Violation]:
    from pipelinerun.engine.sinks import wrong_sinks  # noqa: PLC0415 - loads Ray

    elsewhere = [it.under("code") for it in wrong_without_cluster(job.code)]
    if elsewhere:
        return elsewhere
    try:
        job = supplied(job, threading.Event()).job
    except SupplyError as error:
        return [Violation("", error.failure.message)]
    with importer.installed(job.code.files):
        wrong = wrong_code(job.definition) or wrong_sinks(job.definition)
        return [violation.under("pipeline") for violation in wrong]


def _print(results: Mapping[str, Sequence[Violation]], output: Format) -> None:
    if output is Format.JSON:
        listed = [
            {"file": path, "valid": not wrong, "violations": [asdict(it) for it in wrong]}
            for path, wrong in results.items()
        ]
        typer.echo(json.dumps(listed, indent=2))
        return
    console = Console(highlight=False)
    for path, wrong in results.items():
        console.print(verdict(path, wrong), soft_wrap=True)
