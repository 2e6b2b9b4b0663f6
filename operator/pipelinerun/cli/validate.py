"""``pipelinerun validate``."""

import json
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from pipelinerun.api.exit_codes import ExitCode
from pipelinerun.api.job import RunIdentity
from pipelinerun.api.prepare import prepare
from pipelinerun.api.violations import InvalidDefinitionError, Violation
from pipelinerun.cli.files import read_manifests


class Format(StrEnum):
    """Forms of the result."""

    TEXT = "text"
    JSON = "json"


def validate(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Manifests; - is stdin.")],
    output: Annotated[Format, typer.Option("--output", "-o", help="Form of the result.")] = (
        Format.TEXT
    ),
) -> None:
    """Check manifests by every rule that needs neither a cluster nor the stages' code.

    All violations are listed at once, each with the path of its field. Ends with exit code 2 if
    there are any.

    **Examples**

    - `pipelinerun validate run.yaml`
    - `pipelinerun validate runs/*.yaml -o json`
    """
    results = {path: violations_of(path) for path in files}
    if output is Format.JSON:
        document = [
            {"file": path, "valid": not wrong, "violations": [asdict(it) for it in wrong]}
            for path, wrong in results.items()
        ]
        typer.echo(json.dumps(document, indent=2))
    else:
        _print(results)
    if any(results.values()):
        raise typer.Exit(ExitCode.INVALID_DEFINITION)


def violations_of(path: str) -> list[Violation]:
    """What is wrong with a file."""
    try:
        manifests = read_manifests(path)
    except InvalidDefinitionError as error:
        return list(error.violations)
    wrong: list[Violation] = []
    for index, manifest in enumerate(manifests):
        document = f"document[{index}]" if len(manifests) > 1 else ""
        try:
            prepare(manifest.spec, RunIdentity())
        except InvalidDefinitionError as error:
            wrong += [it.under("spec").under(document) for it in error.violations]
    return wrong


def _print(results: dict[str, list[Violation]]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for path, wrong in results.items():
        mark = "[red]invalid[/]" if wrong else "[green]valid[/]"
        console.print(f"{escape(path)}: {mark}")
        for violation in wrong:
            console.print(f"  {escape(str(violation))}")
