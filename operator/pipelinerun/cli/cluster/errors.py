"""Errors of commands about runs on a cluster, in words for people, with what to do next."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer

from pipelinerun.api.exit_codes import ExitCode
from pipelinerun.api.names import GROUP, PLURAL

UNAUTHORIZED, FORBIDDEN, NOT_FOUND, CONFLICT = 401, 403, 404, 409
_GONE, _TOO_MANY, _SERVER_ERROR = 410, 429, 500
_NO_NAMESPACE = re.compile(r'namespaces "(.+)" not found')
_NOT_INSTALLED = (
    "the cluster knows no PipelineRuns: the operator is not installed. With Helm:\n"
    "  helm install pipelinerun-operator charts/pipelinerun-operator -n pipelinerun-system"
    " --create-namespace\n"
    "The resource alone:\n"
    "  pipelinerun crd | kubectl apply -f -"
)
_NO_CREDENTIALS = (
    "the API server does not accept the credentials of the kubeconfig. They may have expired:"
    " log in again, or choose others with --context or --kubeconfig"
)


class ClusterError(Exception):
    """Something that the user has to know, and that ends the command."""


@contextmanager
def told(exit_code: int = ExitCode.PIPELINE_ERROR) -> Iterator[None]:
    """Print a ``ClusterError``, and what the API server says, and end with an exit code."""
    from kubernetes.client.exceptions import ApiException  # noqa: PLC0415 - takes long to load
    from urllib3.exceptions import HTTPError  # noqa: PLC0415

    try:
        yield
    except ClusterError as error:
        message = str(error)
    except ApiException as error:
        message = of_answer(error.status, error.body or error.reason)
    except HTTPError as error:
        message = unreachable(error)
    else:
        return
    typer.echo(f"Error: {message}", err=True)
    raise typer.Exit(exit_code)


def of_answer(status: int | None, body: Any) -> str:
    """What an answer of the API server that is no success means, and what to do. Pure."""
    message = message_of(body)
    if not status:  # the client's own, of TLS
        why = " ".join(str(body).split())
        return (
            f"there is no safe connection to the API server: {why}. See that"
            " server and certificate-authority in the kubeconfig are right:\n"
            "  kubectl config view --minify"
        )
    if status == UNAUTHORIZED:
        return _NO_CREDENTIALS
    if status == NOT_FOUND and (namespace := _NO_NAMESPACE.match(message)):
        return f"{message}. To create it:\n  kubectl create namespace {namespace[1]}"
    if status == NOT_FOUND and not message:
        return _NOT_INSTALLED  # of an object that is not there it would have told the name
    if status == FORBIDDEN:
        return (
            f"{message or 'that is forbidden'}. Ask your administrator for the right; this shows"
            f" yours:\n  kubectl auth can-i --list | grep {PLURAL}.{GROUP}"
        )
    if status == CONFLICT:
        return f"{message}. Somebody else has changed it meanwhile: try again"
    if status is not None and (status == _TOO_MANY or status >= _SERVER_ERROR):
        return f"the API server has trouble ({status}): {message or body}. Try again in a while"
    return message or f"the API server answered {status}: {body}"


def message_of(body: Any) -> str:
    """The message in an answer of the API server; empty if it is none of its own. Pure."""
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return ""


def passing(status: int | None) -> bool:
    """Whether the same request may soon be answered otherwise. Pure."""
    return status is None or status in {0, _GONE, _TOO_MANY} or status >= _SERVER_ERROR


def unreachable(error: BaseException) -> str:
    """What to say of a request without an answer. Pure."""
    return (
        f"the API server cannot be reached: {_root(error)}. Is the cluster up, and is it the right"
        " one? This shows what your kubeconfig says:\n  kubectl config view --minify"
    )


def _root(error: BaseException) -> str:
    reason = getattr(error, "reason", None)
    return _root(reason) if isinstance(reason, BaseException) else str(error)
