"""Commands that end as a run does: with its exit code, or with one of their own."""

import sys
from typing import TYPE_CHECKING, Any, NoReturn

import typer
from typer.core import TyperCommand

from pipelinerun.cli.cluster.advice import next_steps
from pipelinerun.cli.cluster.ages import elapsed
from pipelinerun.cli.cluster.description import why
from pipelinerun.cli.cluster.printing import Format, printed
from pipelinerun.cli.cluster.reading import Body, is_finished, phase_of, status_of, told_by
from pipelinerun.cli.program import program
from pipelinerun.cli.terminal import show
from pipelinerun.cli.text import one_line

if TYPE_CHECKING:
    from pipelinerun.cli.cluster.runs import Runs

TROUBLE = 255
"""Exit code when it is not the run that failed but the command."""
TIME_IS_UP = 254
"""Exit code when the time to wait is over and the run is not."""


class EndsAsARun(TyperCommand):
    """Says also by its exit code that it was called wrongly: 2 would be an invalid run's."""

    def make_context(self, *arguments: Any, **options: Any) -> Any:
        try:
            return super().make_context(*arguments, **options)
        except typer.TyperException as error:
            raise _trouble(error) from None

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except typer.TyperException as error:
            raise _trouble(error) from None


def end_of(runs: "Runs", run: dict[str, Any], *, seconds: float | None) -> Body:
    """Wait for the end of a run. Where it is goes to the standard error meanwhile.

    Raises:
        typer.Exit: the time is over, or the user has had enough; the run goes on.
        ClusterError: the run was deleted.
    """
    from pipelinerun.cli.cluster.following import followed  # noqa: PLC0415 - takes long to load

    told = ""
    try:
        for current in followed(runs, run, seconds=seconds, tell=_tell):
            if is_finished(current):
                return current
            if (line := where(current)) != told:
                _tell(line)
                told = line
    except KeyboardInterrupt:
        _tell(f"\nStopped waiting; the run goes on: {_again(run)}")
        raise
    _tell(f"Error: after {seconds:.0f} s the run is not over; to wait on: {_again(run)}")
    raise typer.Exit(TIME_IS_UP)


def finish(run: Body, output: Format | None) -> NoReturn:
    """Print how a run ended, and end as it did."""
    status = status_of(run)
    typer.echo(printed(run, output, how(run)))
    if status.phase == "Failed":
        show(why(status, next_steps(run, status, program())), err=True)
    sys.stdout.flush()
    raise typer.Exit(status.exit_code or 0)


def where(run: Body) -> str:
    """Where a run is, in a line. Pure."""
    message = one_line(told_by(run).message)
    return f"{phase_of(run)}: {message}" if message else phase_of(run)


def how(run: Body) -> str:
    """How a run ended, in a line. Pure."""
    status = status_of(run)
    took = elapsed(status.elapsed_seconds)
    return f"{phase_of(run)}, exit code {status.exit_code}" + (f", {took}" if took else "")


def _again(run: Body) -> str:
    metadata = run["metadata"]
    return f"{program()} wait {metadata['name']} -n {metadata['namespace']}"


def _tell(line: str) -> None:
    typer.echo(line, err=True)


def _trouble(error: typer.TyperException) -> typer.TyperException:
    if hasattr(error, "exit_code"):
        error.exit_code = TROUBLE
    return error
