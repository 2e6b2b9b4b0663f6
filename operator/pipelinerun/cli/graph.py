"""``pipelinerun graph``."""

import json
from collections.abc import Callable, Sequence
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from pipelinerun.api.definition import PipelineDefinition
from pipelinerun.api.exit_codes import ExitCode
from pipelinerun.api.prepare import check
from pipelinerun.api.report import (
    ReportedEdge,
    ReportedStage,
    RunReport,
    reported_edges,
    reported_stages,
)
from pipelinerun.api.status import StageStatus
from pipelinerun.api.violations import InvalidDefinitionError, Violation
from pipelinerun.cli.cluster.completing import runs as completion
from pipelinerun.cli.cluster.options import Context, Kubeconfig, Namespace
from pipelinerun.cli.cluster.session import cluster
from pipelinerun.cli.files import STDIN, read_manifests
from pipelinerun.cli.mermaid import flowchart
from pipelinerun.cli.render import verdict
from pipelinerun.cli.terminal import show

Graph = tuple[list[ReportedStage], list[ReportedEdge], str]
"""Stages, edges and a title."""

_DRAWING: dict[str, Any] = {
    "theme": "neutral",
    # For 500 stages; its own bounds are meant for pages of strangers.
    "config": {"maxEdges": 5000, "maxTextSize": 1_000_000},
}
_SCALE = 2.0
NO_LIBRARY = (
    "pictures need the library mermaidx, which is not installed:"
    " pip install mermaidx, or install pipelinerun-operator[graph]"
)


class Format(StrEnum):
    """Forms of the picture."""

    MERMAID = "mermaid"
    SVG = "svg"
    PNG = "png"


ENDINGS = {".mmd": Format.MERMAID, ".mermaid": Format.MERMAID, ".svg": Format.SVG}
ENDINGS |= {".png": Format.PNG}


def graph(
    target: Annotated[
        str,
        typer.Argument(
            metavar="FILE|RUN",
            autocompletion=completion,
            help="Manifest, pipeline file or report; else the name of a run on a cluster.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Where to write: .svg, .png or .mmd; Mermaid on stdout if left out.",
        ),
    ] = None,
    form: Annotated[
        Format | None,
        typer.Option("--format", help="Form of the picture; by default the file's ending says."),
    ] = None,
    namespace: Namespace = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Draw the graph of a pipeline, with the figures of a run where there are any.

    Of a run on a cluster and of a report (`report` of a pipeline, `run --report`) the picture shows
    rows, seconds, rows per second, processes and memory of each stage, and where it failed.

    **Examples**

    - `pipelinerun graph run.yaml`
    - `pipelinerun graph report.json -o report.svg`
    - `pipelinerun graph my-run -n data -o my-run.png`
    - `pipelinerun graph run.yaml --format svg > run.svg`
    """
    form = form or _form_of(output)
    draw = _renderer(form)
    if target == STDIN or Path(target).exists():
        drawn = _of_file(target)
    else:
        drawn = _of_run(target, kubeconfig, context, namespace)
    data = draw(flowchart(*drawn))
    if output is None:
        typer.echo(data, nl=False)
    else:
        output.write_bytes(data)


def _form_of(output: Path | None) -> Format:
    if output is None:
        return Format.MERMAID
    if output.suffix.lower() not in ENDINGS:
        raise typer.BadParameter(
            f"{output.name} ends with none of {', '.join(ENDINGS)}: give --format",
            param_hint="--output",
        )
    return ENDINGS[output.suffix.lower()]


def _renderer(form: Format) -> Callable[[str], bytes]:
    """How a flowchart becomes a picture. The library is there, or the command ends."""
    if form is Format.MERMAID:
        return str.encode
    try:
        library = import_module("mermaidx")
    except ImportError:
        typer.echo(f"Error: {NO_LIBRARY}", err=True)
        raise typer.Exit(ExitCode.PIPELINE_ERROR) from None

    def render(text: str) -> bytes:
        diagram = library.render(text, **_DRAWING)
        picture: bytes | str = (
            diagram.svg() if form is Format.SVG else diagram.png(scale=_SCALE, background="#ffffff")
        )
        return picture.encode() if isinstance(picture, str) else picture

    return render


def _of_file(path: str) -> Graph:
    """The graph of a file; of one that cannot be drawn it is told why, and the command ends."""
    report = None if path == STDIN else _report_in(Path(path))
    if report is not None:
        name = report.pipeline or report.run.name
        return report.stages, report.edges, _title(name, report.exit_code, report.elapsed_seconds)
    try:
        definition = _definition_in(path)
        check(definition)
    except InvalidDefinitionError as error:
        show(verdict(path, error.violations), err=True)
        raise typer.Exit(ExitCode.INVALID_DEFINITION) from None
    return _graph_of(definition)


def _definition_in(path: str) -> PipelineDefinition:
    manifests = read_manifests(path)
    if len(manifests) > 1:
        count = f"{len(manifests)} PipelineRuns in it; exactly one can be drawn"
        raise InvalidDefinitionError([Violation("", count)])
    return manifests[0].spec.pipeline


def _report_in(path: Path) -> RunReport | None:
    """The report in a file, if it is one."""
    try:
        document = json.loads(path.read_bytes())
        return RunReport.model_validate(document, extra="ignore")
    except (OSError, ValueError, ValidationError):
        return None


def _of_run(name: str, kubeconfig: str | None, context: str | None, namespace: str | None) -> Graph:
    from pipelinerun.cli.cluster.reading import status_of  # noqa: PLC0415 - of this way alone

    with cluster(kubeconfig, context, namespace) as there:
        run = there.get(name)
        definition = PipelineDefinition.model_validate(run["spec"]["pipeline"], extra="ignore")
        status = status_of(run)
        title = _title(run["metadata"]["name"], status.exit_code, status.elapsed_seconds)
        return _graph_of(definition, status.stages, title)


def _graph_of(
    definition: PipelineDefinition, statuses: Sequence[StageStatus] = (), title: str = ""
) -> Graph:
    stages = reported_stages(definition, statuses)
    return stages, reported_edges(definition, stages), title


def _title(name: str, exit_code: int | None, seconds: float | None) -> str:
    if exit_code is None:
        return name
    return f"{name} · exit code {exit_code} · {seconds or 0:,.1f} s"
