"""Services that a pipeline depends on, such as a small message broker."""

import logging
import os
import pkgutil
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from typing import Protocol

VARIABLE = "PIPELINERUN_SERVICES"
"""Environment variable that tells a child process which services to own: import paths of classes,
separated by commas. Set in the child's environment alone."""

logger = logging.getLogger(__name__)


class Service(Protocol):
    """Something that has to run while a pipeline does."""

    def start(self) -> None:
        """Start; return when it can be used."""

    def stop(self) -> None:
        """Stop; called once after a start that succeeded."""


def started(services: Iterable[Service]) -> ExitStack:
    """Start services in order; closing the result stops them in reverse.

    When one fails to start, those before it are stopped and the error is raised.
    """
    with ExitStack() as stack:
        for service in services:
            service.start()
            stack.callback(_stop, service)
        return stack.pop_all()


def marker(paths: Iterable[str]) -> dict[str, str]:
    """The environment of a child that owns the services with these import paths."""
    return {VARIABLE: ",".join(paths)}


def owned(environment: Mapping[str, str] = os.environ) -> list[Service]:
    """The services that the environment tells this process to own.

    Raises:
        ImportError: there is no such module.
        AttributeError: the module has no such class.
    """
    paths = environment.get(VARIABLE, "")
    return [pkgutil.resolve_name(path)() for path in paths.split(",") if path]


def _stop(service: Service) -> None:
    """The others must be stopped too, and the pipeline's own result must not be hidden."""
    try:
        service.stop()
    except Exception:
        logger.exception("Service %r did not stop in order", service)
