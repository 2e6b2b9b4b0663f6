"""``pipelinerun completion``, and what kubectl asks its plug-in for."""

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated

import typer

from pipelinerun.cli.program import NAME

_VARIABLE = f"_{NAME.upper()}_COMPLETE"
_DEFAULT, _NO_FILES = ":0", ":4"
"""How kubectl's shell functions are told whether they may offer files."""
_TAKES_FILES = frozenset({"run", "validate", "submit"})


class Shell(StrEnum):
    """Shells that can complete."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(
    shell: Annotated[Shell, typer.Argument(help="Shell that the script is for.")],
) -> None:
    """Print the script that completes commands, options and names of runs.

    kubectl completes its plug-in by itself, from version 1.26 on.

    **Examples**

    - `source <(pipelinerun completion bash)`
    - `source <(pipelinerun completion zsh)`
    - `pipelinerun completion fish | source`
    """
    _call_program({_VARIABLE: f"source_{shell}"})


def question(words: Sequence[str]) -> dict[str, str]:
    """The environment by which the program is asked what could follow. Pure.

    Args:
        words: behind the program's name; the last one is incomplete, and may be empty.
    """
    complete, incomplete = words[:-1], words[-1] if words else ""
    return {
        _VARIABLE: "complete_fish",  # one a line, with its help behind a tab: as kubectl reads it
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "_TYPER_COMPLETE_ARGS": f"{shlex.join([NAME, *complete])} {incomplete}",
    }


def main() -> None:
    """Entry point of ``kubectl_complete-pipelinerun``: kubectl's hook for plug-ins."""
    words = sys.argv[1:]
    try:
        _call_program(question(words))
    finally:
        typer.echo(_DEFAULT if _TAKES_FILES & {*words} else _NO_FILES)


def _call_program(environment: Mapping[str, str]) -> None:
    from pipelinerun.cli.app import app  # noqa: PLC0415 - which has the command of this file

    os.environ.update(environment)
    app(prog_name=NAME, args=[])
