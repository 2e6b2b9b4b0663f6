"""Errors of commands about runs on a cluster, in words for people."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer

from pipelinerun.api.exit_codes import ExitCode

_UNAUTHORIZED, _NOT_FOUND = 401, 404
_NOT_INSTALLED = (
    "the cluster knows no PipelineRuns; is the operator installed?"
    " `pipelinerun crd | kubectl apply -f -` installs the resource alone"
)


class ClusterError(Exception):
    """Something that the user has to know, and that ends the command."""


@contextmanager
def told() -> Iterator[None]:
    """Print a ``ClusterError``, and what the API server says, and end with exit code 1."""
    from kubernetes.client.exceptions import ApiException  # noqa: PLC0415 - takes a second to load
    from urllib3.exceptions import HTTPError  # noqa: PLC0415

    try:
        yield
    except ClusterError as error:
        message = str(error)
    except ApiException as error:
        message = of_answer(error.status, error.body or error.reason)
    except HTTPError as error:
        message = f"the API server cannot be reached: {_root(error)}"
    else:
        return
    typer.echo(f"Error: {message}", err=True)
    raise typer.Exit(ExitCode.PIPELINE_ERROR)


def of_answer(status: int | None, body: Any) -> str:
    """What an answer of the API server that is no success means. Pure."""
    try:
        message = str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        message = ""
    if status == _UNAUTHORIZED:
        return "the API server does not accept the credentials of the kubeconfig"
    if message:
        return message
    if status == _NOT_FOUND:
        return _NOT_INSTALLED  # of an object that is not there it would have told the name
    return f"the API server answered {status}: {body}"


def _root(error: BaseException) -> str:
    reason = getattr(error, "reason", None)
    return _root(reason) if isinstance(reason, BaseException) else str(error)
