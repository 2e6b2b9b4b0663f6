"""Logging of the operator and of its gateway: one form for all lines, whoever writes them."""

import json
import logging
import re
import sys
import threading
import time
from collections.abc import Hashable, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Literal

from pipelinerun.api.names import KIND
from pipelinerun.controller import subject
from pipelinerun.controller.damper import Damper

LogFormat = Literal["console", "json"]

_OURS = "pipelinerun"
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_OBJECT = "k8s_ref"
"""Where kopf's records have the object that they concern."""


class FieldsFilter(logging.Filter):
    """Gives each record the run that it concerns."""

    def filter(self, record: logging.LogRecord) -> bool:
        about = subject.current()
        record.fields = about.fields if about else _fields_of(getattr(record, _OBJECT, None))
        return True


class RepetitionFilter(logging.Filter):
    """Lets a warning or an error pass again and again only at times that lie further apart."""

    def __init__(self) -> None:
        super().__init__()
        self._damper = Damper()
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        with self._lock:
            times = self._damper.admitted(_essence(record), time.monotonic())
        if times > 1:
            record.msg = f"{record.getMessage()} ({times} times so far)"
            record.args = ()
        return times > 0


class JsonFormatter(logging.Formatter):
    """One JSON object a line, for log collectors."""

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = {
            "time": time_of(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps(fields)


class ConsoleFormatter(logging.Formatter):
    """A line for people; the run that it concerns stands at its end."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the library's name
        fields = "".join(f" {key}={value}" for key, value in getattr(record, "fields", {}).items())
        return f"{super().formatMessage(record)}{fields and ' '}{fields}"


def set_up_logging(log_format: LogFormat, *, verbose: bool = False) -> None:
    """Log to stderr, also what ends the process and what libraries warn of.

    kopf says on every event what we say better: only its warnings are kept.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else ConsoleFormatter())
    handler.addFilter(FieldsFilter())
    handler.addFilter(RepetitionFilter())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    logging.getLogger("kopf").setLevel(logging.WARNING)
    sys.excepthook = _log_uncaught
    if verbose:
        logging.getLogger("pipelinerun").setLevel(logging.DEBUG)


def time_of(seconds: float) -> str:
    """A time since the epoch as logs have it: RFC 3339, UTC, with milliseconds."""
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def _essence(record: logging.LogRecord) -> Hashable:
    """What makes a record another one: not how often something was tried, nor until when."""
    fields = str(getattr(record, "fields", ""))
    if not record.name.startswith(_OURS):
        return record.name, fields, _NUMBER.sub("", record.getMessage())
    arguments = record.args if isinstance(record.args, tuple) else ()
    constant = tuple(str(it) for it in arguments if not isinstance(it, float))
    return record.name, fields, str(record.msg), constant


def _fields_of(reference: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The run, or another object, that a record of kopf's concerns."""
    if reference is None:
        return {}
    kind, name = reference.get("kind"), reference.get("name")
    found = {
        "run" if kind == KIND else str(kind).lower(): name,
        "namespace": reference.get("namespace"),
        "uid": reference.get("uid"),
    }
    return {key: value for key, value in found.items() if value is not None}


def _log_uncaught(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        logging.getLogger("pipelinerun").critical("Ended by %s", kind.__name__, exc_info=error)
