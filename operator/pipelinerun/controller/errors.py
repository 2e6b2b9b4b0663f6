"""Errors of the API server, classified once."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum

import aiohttp
from kubernetes.aio.client.exceptions import ApiException

from pipelinerun.controller.leadership import NotLeadingError

_CONFLICT = 409
_GONE = frozenset({404, 410})
_TRANSIENT = frozenset({408, 425, 429})
_SERVER_ERROR = 500


class ErrorKind(Enum):
    """What an error means to the reconciler."""

    INVALID = "invalid"
    TRANSIENT = "transient"
    CONFLICT = "conflict"
    LOST = "lost"
    REFUSED = "refused"


class DeletionRefusedError(Exception):
    """Something protects a run from being deleted."""


def classify(error: Exception) -> ErrorKind | None:
    """The kind of an error that came from talking to the API server; None for any other."""
    if isinstance(error, DeletionRefusedError):
        return ErrorKind.REFUSED
    if isinstance(error, ApiException):
        status = error.status or 0
        if status == _CONFLICT:
            return ErrorKind.CONFLICT
        if status in _GONE:
            return ErrorKind.LOST
        if status in _TRANSIENT or status >= _SERVER_ERROR:
            return ErrorKind.TRANSIENT
        return ErrorKind.INVALID
    if isinstance(error, aiohttp.ClientError | TimeoutError | ConnectionError | NotLeadingError):
        return ErrorKind.TRANSIENT
    return None


def may_be_done(error: Exception) -> bool:
    """Whether what was asked for may have been done nevertheless: the answer is what is missing."""
    if isinstance(error, NotLeadingError):
        return False  # it was not asked for
    answered = isinstance(error, ApiException) and (error.status or 0) < _SERVER_ERROR
    return classify(error) is ErrorKind.TRANSIENT and not answered


@contextmanager
def tolerated(logger: logging.Logger, what: str) -> Iterator[None]:
    """Go on after an error that came from talking to the API server, with ``what`` in the log."""
    try:
        yield
    except Exception as error:
        if classify(error) is None:
            raise
        logger.warning("%s: %s", what, message_of(error))


def message_of(error: Exception) -> str:
    """What the API server says, in one line."""
    if not isinstance(error, ApiException):
        return " ".join(str(error).split()) or type(error).__name__
    try:
        return str(json.loads(error.body or "")["message"])
    except (ValueError, KeyError, TypeError):
        return f"{error.status} {error.reason}"
