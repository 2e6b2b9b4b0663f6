"""``pipelinerun logs``."""

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Annotated

import typer

from pipelinerun.cli.cluster.errors import ClusterError
from pipelinerun.cli.cluster.options import Context, Kubeconfig, Namespace, RunName
from pipelinerun.cli.cluster.session import cluster

if TYPE_CHECKING:  # loading it takes a second
    from pipelinerun.cli.cluster.logs.reader import Reader
    from pipelinerun.cli.cluster.logs.said import Said


def logs(
    run: RunName,
    follow: Annotated[
        bool,
        typer.Option(
            "--follow",
            "-f",
            help="Go on with what comes, over all attempts, until the run has ended.",
        ),
    ] = False,
    attempt: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Number of an attempt; the last one when left out."),
    ] = None,
    last: Annotated[
        bool, typer.Option("--finally", help="What the finally stages have printed.")
    ] = False,
    stage: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Only what one stage has printed."),
    ] = None,
    tail: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="Only the last lines; all when left out."),
    ] = None,
    timestamps: Annotated[
        bool, typer.Option("--timestamps", help="Before each line the time of its writing.")
    ] = False,
    namespace: Namespace = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Show what the stages of a run have printed.

    Of a run in pods it is the log of the attempt's pod. Of an in-process run it is in the log of
    the operator's pod, which takes the rights to get pods and pods/log in its namespace.

    **Examples**

    - `pipelinerun logs text`
    - `pipelinerun logs text -f`
    - `pipelinerun logs text --attempt 1 --tail 20`
    - `pipelinerun logs text --stage load`
    - `pipelinerun logs text --finally`
    """
    if last and attempt is not None:
        raise typer.BadParameter("it cannot go with --attempt", param_hint="--finally")
    with cluster(kubeconfig, context, namespace) as runs:
        from pipelinerun.cli.cluster.logs.reader import Reader  # noqa: PLC0415 - loads long

        reader = Reader(runs, run, stage=stage, tell=tell)
        said = _said(reader, attempt, tail, last=last, follow=follow)
        with suppress(KeyboardInterrupt) if follow else nullcontext():
            show(said, timestamps=timestamps)


def _said(
    reader: "Reader", attempt: int | None, tail: int | None, *, last: bool, follow: bool
) -> Iterator["Said"]:
    from pipelinerun.cli.cluster.logs.cursor import Cursor  # noqa: PLC0415 - loads long
    from pipelinerun.cli.cluster.logs.executions import attempts, chosen  # noqa: PLC0415

    run, cursor = reader.run(), Cursor()
    everything = follow and attempt is None and not last
    if everything and not attempts(run):
        yield from reader.follow_all(1, cursor)
        return
    execution = chosen(run, attempt, last=last)
    if tail is not None:
        # Where there is nothing yet, following says what it waits for.
        with suppress(ClusterError) if follow else nullcontext():
            yield from deque(reader.of(execution, cursor), maxlen=tail)
    if everything:
        yield from reader.follow_all(execution.number, cursor)
    elif follow:
        yield from reader.follow(execution, cursor)
    elif tail is None:
        yield from reader.of(execution, cursor)


def show(said: Iterable["Said"], *, timestamps: bool) -> None:
    """Print lines as they come."""
    for it in said:
        typer.echo(f"{it.time} {it.text}" if timestamps else it.text)


def tell(text: str) -> None:
    """Say something about the lines, apart from them."""
    typer.echo(text, err=True)
