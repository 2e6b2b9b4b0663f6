"""``pipelinerun convert``."""

from pathlib import Path
from typing import Annotated

import typer
import yaml

from pipelinerun.api.exit_codes import ExitCode
from pipelinerun.api.job import RunIdentity
from pipelinerun.api.names import API_VERSION, KIND
from pipelinerun.api.nv_ingest import plain_name
from pipelinerun.api.prepare import prepare
from pipelinerun.api.run import PipelineRun
from pipelinerun.api.violations import InvalidDefinitionError
from pipelinerun.cli.files import STDIN, load_file, tell_notes, warn
from pipelinerun.cli.render import verdict
from pipelinerun.cli.terminal import show

_WIDTH = 100


def convert(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="Pipeline file or manifest; - is stdin.")
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Where to write; stdout if left out."),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="Name of the run; else the pipeline's."),
    ] = None,
    namespace: Annotated[
        str | None,
        typer.Option("--namespace", "-n", metavar="NAME", help="Namespace of the run."),
    ] = None,
) -> None:
    """Make the manifest of a run out of a pipeline file, such as those of nv-ingest.

    Environment variables that the file names are filled in. What was left out or filled in is told
    on stderr. Ends with exit code 2 if the file breaks rules.

    **Examples**

    - `pipelinerun convert pipeline.yaml > run.yaml`
    - `pipelinerun convert pipeline.yaml -o run.yaml --name ingest -n data`
    - `pipelinerun convert pipeline.yaml | kubectl apply -f -`
    """
    try:
        loaded = load_file(file)
        for run in loaded.runs:
            prepare(run.spec, RunIdentity())
    except InvalidDefinitionError as error:
        show(verdict(file, error.violations), err=True)
        raise typer.Exit(ExitCode.INVALID_DEFINITION) from None
    if name is not None and len(loaded.runs) > 1:
        raise typer.BadParameter(f"there are {len(loaded.runs)} in {file}", param_hint="--name")
    tell_notes(file, loaded.notes)
    if loaded.variables:
        warn(
            f"{file}: the values of {', '.join(sorted(loaded.variables))} are in the manifest now;"
            " secrets belong into the environment of podTemplate, from a Secret"
        )
    documents = [_document(run, name or _name(run, file), namespace) for run in loaded.runs]
    text = yaml.safe_dump_all(documents, sort_keys=False, width=_WIDTH, allow_unicode=True)
    if output is None:
        typer.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")


def _document(run: PipelineRun, name: str, namespace: str | None) -> dict[str, object]:
    body = run.model_dump(mode="json", by_alias=True, exclude_unset=True)
    place = {} if namespace is None else {"namespace": namespace}
    metadata = {**body.get("metadata", {}), "name": name, **place}
    return {"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": body["spec"]}


def _name(run: PipelineRun, file: str) -> str:
    """A name as Kubernetes allows it: the run's, else of the pipeline's, else of the file's."""
    stem = "run" if file == STDIN else Path(file).stem
    return run.metadata.name or plain_name(run.spec.pipeline.name or stem).lower()
