"""Where what an attempt prints can be read."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from kubernetes.client import ApiClient, CoreV1Api
from kubernetes.client.exceptions import ApiException

from pipelinerun.api.names import CONTAINER
from pipelinerun.cli.cluster.errors import ClusterError
from pipelinerun.cli.cluster.logs.container_log import Container, ContainerLog
from pipelinerun.cli.cluster.logs.cursor import Cursor, split
from pipelinerun.cli.cluster.logs.executions import Execution
from pipelinerun.cli.cluster.logs.said import AttemptLog, Said
from pipelinerun.cli.cluster.reading import Body
from pipelinerun.cli.cluster.runs import Runs
from pipelinerun.core.timestamps import parse_time

GATEWAY = "ray"
"""The container of the operator's pod with the Ray of in-process runs."""
_LOOK_AGAIN = 2.0
"""Seconds after which to see whether an attempt has ended whose log does not end with it."""
_PATIENCE = 30.0
_NO_LOG = frozenset({400, 404})
"""What the API server answers of a container whose log is not there, or not there any more."""
_ROUNDED = timedelta(seconds=1)
"""Times in a status have whole seconds."""
_AFTERMATH = timedelta(seconds=10)
"""For how long after its end lines of an attempt may come into a log that does not end with it."""


@dataclass(frozen=True)
class Source:
    """The log of a container, before its last restart as well if the attempt began before that.

    Attributes:
        shared: whether others write to it too, before and after the attempt.
    """

    client: ApiClient
    container: Container
    execution: Execution
    shared: bool
    restarted: bool = False

    def lines(self, cursor: Cursor, log: AttemptLog, *, follow: bool) -> Iterator[Said]:
        """What is new by the cursor. Errors of the client pass through.

        Following ends with the container, and now and then by itself.
        """
        if self.restarted:
            try:
                yield from self._lines(cursor, log, follow=False, previous=True)
            except ApiException as error:
                if error.status not in _NO_LOG:
                    raise
        yield from self._lines(cursor, log, follow=follow, previous=False)

    def _lines(
        self, cursor: Cursor, log: AttemptLog, *, follow: bool, previous: bool
    ) -> Iterator[Said]:
        limited = self.shared and follow
        began = time.monotonic()
        cursor.begin()
        lines = ContainerLog(self.client, self.container).lines(
            cursor.since(self.execution.started - _ROUNDED),
            follow=follow,
            previous=previous,
            patience=_LOOK_AGAIN if limited else _PATIENCE,
        )
        for line in lines:
            when, written, text = split(line)
            if self.shared and self._is_past(when):
                return
            if not cursor.is_new(when):
                began = time.monotonic()  # so that each request gets on, however much it repeats
                continue
            yield from log.of(written, text)
            if limited and time.monotonic() - began > _LOOK_AGAIN:
                return

    def _is_past(self, when: datetime) -> bool:
        ended = self.execution.ended
        return ended is not None and when > ended + _AFTERMATH


def source_of(runs: Runs, execution: Execution) -> Source:
    """Where an attempt's lines are. Errors of the client pass through.

    Raises:
        ClusterError: nowhere in the cluster.
    """
    pod, namespace = execution.operator, execution.operator_namespace
    if execution.pod is not None:
        container = Container(runs.namespace, execution.pod, CONTAINER)
        return Source(runs.client, container, execution, shared=False)
    if pod is None or namespace is None:
        raise ClusterError(
            f"{execution.title} ran in operator {pod!r}, which is no pod:"
            " what it has printed is in that operator's own log"
        )
    found = CoreV1Api(runs.client).read_namespaced_pod(pod, namespace, _request_timeout=_PATIENCE)
    body = runs.client.sanitize_for_serialization(found)  # type: ignore[no-untyped-call]
    name, restarted = gateway_in(body, execution.started)
    container = Container(namespace, pod, name)
    return Source(runs.client, container, execution, shared=True, restarted=restarted)


def gateway_in(pod: Body, since: datetime) -> tuple[str, bool]:
    """The container of an operator's pod with the Ray of in-process runs.

    And whether it has been restarted since then: what was before is in another log. Pure.
    """
    names = [it["name"] for it in pod["spec"]["containers"]]
    name = GATEWAY if GATEWAY in names else names[0]
    states = (pod.get("status") or {}).get("containerStatuses") or ()
    state: Body = next((it for it in states if it["name"] == name and it["restartCount"]), {})
    begun = (state.get("state") or {}).get("running", {}).get("startedAt")
    return name, begun is not None and parse_time(begun) > since
