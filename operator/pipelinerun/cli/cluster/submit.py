"""``pipelinerun submit``."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelinerun.api.exit_codes import ExitCode
from pipelinerun.api.job import RunIdentity
from pipelinerun.api.prepare import prepare
from pipelinerun.api.run import PipelineRun
from pipelinerun.api.violations import InvalidDefinitionError
from pipelinerun.cli.cluster.ending import TROUBLE, end_of, finish
from pipelinerun.cli.cluster.errors import CONFLICT, ClusterError
from pipelinerun.cli.cluster.logs.command import show as show_lines
from pipelinerun.cli.cluster.logs.command import tell
from pipelinerun.cli.cluster.options import Context, Kubeconfig, Namespace
from pipelinerun.cli.cluster.printing import Format, printed
from pipelinerun.cli.cluster.session import cluster
from pipelinerun.cli.cluster.submitted import document, named, namespace_of, there_already
from pipelinerun.cli.cluster.wait import Timeout
from pipelinerun.cli.files import read_manifests
from pipelinerun.cli.program import program
from pipelinerun.cli.render import verdict
from pipelinerun.cli.run import Params, parse_params, with_params
from pipelinerun.cli.terminal import show

if TYPE_CHECKING:
    from pipelinerun.cli.cluster.runs import Runs


def submit(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Manifest; - is stdin.")],
    params: Params = None,
    run_name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="Name of the run, instead of the manifest's."),
    ] = None,
    wait: Annotated[
        bool,
        typer.Option("--wait", help="Wait until the run is over, and end with its exit code."),
    ] = False,
    follow: Annotated[
        bool,
        typer.Option("--follow", "-f", help="Show what it prints meanwhile; implies --wait."),
    ] = False,
    timeout: Timeout = None,
    output: Annotated[
        Format | None,
        typer.Option("--output", "-o", help="Form of the run; one line when left out."),
    ] = None,
    namespace: Namespace = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Create the runs of a manifest on a cluster.

    They are checked first by every rule that needs no cluster; the exit code is 2 if one is broken.
    A manifest without a name gets one from its file. With `--wait` the exit codes are those of
    `pipelinerun wait`.

    **Examples**

    - `pipelinerun submit run.yaml`
    - `pipelinerun submit run.yaml --name text-2 -p words=100 --wait`
    - `pipelinerun submit run.yaml --follow`
    - `pipelinerun submit definition.yaml -o name`
    """
    wait = wait or follow
    if timeout is not None and (follow or not wait):
        raise typer.BadParameter("it goes with --wait alone", param_hint="--timeout")
    given = parse_params(params or [])
    manifests = _checked(file, given)
    if len(manifests) > 1 and (wait or run_name):
        option = "--wait" if wait else "--name"
        raise typer.BadParameter(f"it needs exactly one run in {file}", param_hint=option)
    trouble = TROUBLE if wait else ExitCode.PIPELINE_ERROR
    with cluster(kubeconfig, context, namespace, trouble=trouble) as runs:
        for manifest in manifests:
            created = _create(runs, named(manifest, run_name, file))
            if not wait or output is None:
                typer.echo(printed(created, output, "created"))
        if wait:
            there = runs.within(created["metadata"]["namespace"])
            if follow:
                _follow(there, created["metadata"]["name"])
            finish(end_of(there, created, seconds=timeout), output)


def _follow(runs: "Runs", name: str) -> None:
    """Show what a run prints until it has ended; where that cannot be had it is told."""
    from pipelinerun.cli.cluster.logs.cursor import Cursor  # noqa: PLC0415 - takes long to load
    from pipelinerun.cli.cluster.logs.reader import Reader  # noqa: PLC0415

    try:
        show_lines(Reader(runs, name, tell=tell).follow_all(1, Cursor()), timestamps=False)
    except ClusterError as error:
        tell(str(error))


def _checked(file: str, params: dict[str, str]) -> list[PipelineRun]:
    """The runs of a file, or the end of the command."""
    try:
        manifests = [with_params(it, params) for it in read_manifests(file)]
        for manifest in manifests:
            prepare(manifest.spec, RunIdentity())
    except InvalidDefinitionError as error:
        show(verdict(file, error.violations), err=True)
        raise typer.Exit(ExitCode.INVALID_DEFINITION) from None
    return manifests


def _create(runs: "Runs", manifest: PipelineRun) -> dict[str, Any]:
    from kubernetes.client.exceptions import ApiException  # noqa: PLC0415 - takes long to load

    place = namespace_of(manifest, runs.namespace, chosen=runs.chosen)
    try:
        return runs.create(document(manifest, place))
    except ApiException as error:
        if error.status != CONFLICT or manifest.metadata.name is None:
            raise
        there = runs.within(place).get(manifest.metadata.name)
        raise ClusterError(there_already(there, program())) from None
