"""Runs on a cluster: reading and changing them."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, cast

from kubernetes.client import (
    ApiClient,
    CustomObjectsApi,
    V1DeleteOptions,
    V1Preconditions,
)
from kubernetes.client.exceptions import ApiException
from kubernetes.watch import Watch
from urllib3.exceptions import HTTPError

from pipelinerun.api.names import GROUP, PLURAL, VERSION
from pipelinerun.cli.cluster.connection import Connection
from pipelinerun.cli.cluster.errors import FORBIDDEN, NOT_FOUND, ClusterError, of_answer
from pipelinerun.cli.cluster.naming import no_run, run_name

Body = dict[str, Any]
"""A run as the API server sends it."""

FIELD_MANAGER = "pipelinerun-cli"
_MERGE_PATCH = "application/merge-patch+json"
_TIMEOUT = 30.0
_PAGE = 500


class Runs:
    """The runs of a namespace. Errors of the client pass through.

    Attributes:
        client: for requests about something else.
        namespace: that counts.
        chosen: whether the user named it.
    """

    def __init__(self, connection: Connection, *, timeout: float = _TIMEOUT) -> None:
        self._connection = connection
        self.client: ApiClient = connection.client
        self.namespace, self.chosen = connection.namespace, connection.chosen
        self._api = CustomObjectsApi(connection.client)
        self._timeout = timeout

    def within(self, namespace: str) -> "Runs":
        """The runs of another namespace."""
        return Runs(replace(self._connection, namespace=namespace), timeout=self._timeout)

    def get(self, name: str) -> Body:
        """A run, named as ``run_name`` reads it.

        Raises:
            ClusterError: there is none of that name; the message has similar ones.
        """
        name = run_name(name)
        try:
            found = self._api.get_namespaced_custom_object(
                *self._place(), name, _request_timeout=self._timeout
            )
        except ApiException as error:
            raise self._not_found(name, error) from None
        return cast("Body", found)

    def find(
        self, *, selector: str | None = None, name: str | None = None, everywhere: bool = False
    ) -> list[Body]:
        """Runs, by labels or name; of all namespaces if they are to be from everywhere."""
        options: dict[str, Any] = {"limit": _PAGE, "_request_timeout": self._timeout}
        if selector:
            options["label_selector"] = selector
        if name:
            options["field_selector"] = f"metadata.name={name}"
        found: list[Body] = []
        while True:
            page: Any = (
                self._api.list_custom_object_for_all_namespaces(GROUP, VERSION, PLURAL, **options)
                if everywhere
                else self._api.list_namespaced_custom_object(*self._place(), **options)
            )
            found += page["items"]
            if not page["metadata"].get("continue"):
                return found
            options["_continue"] = page["metadata"]["continue"]

    def create(self, body: Mapping[str, Any]) -> Body:
        """Create a run, in its own namespace if it has one; returns it as it is stored."""
        namespace = body["metadata"].get("namespace") or self.namespace
        created = self._api.create_namespaced_custom_object(
            *(GROUP, VERSION, namespace, PLURAL),
            dict(body),
            field_manager=FIELD_MANAGER,
            field_validation="Strict",
            _request_timeout=self._timeout,
        )
        return cast("Body", created)

    def change(self, run: Body, spec: Mapping[str, Any]) -> Body:
        """Set fields of the spec of a run that there is; returns it as it is stored."""
        changed = self._api.patch_namespaced_custom_object(
            *(*self._place(), run["metadata"]["name"], {"spec": spec}),
            field_manager=FIELD_MANAGER,
            _content_type=_MERGE_PATCH,
            _request_timeout=self._timeout,
        )
        return cast("Body", changed)

    def delete(self, run: Body) -> None:
        """Delete a run that there is, and by ownership its pods."""
        self._api.delete_namespaced_custom_object(
            *self._place(),
            run["metadata"]["name"],
            body=V1DeleteOptions(preconditions=V1Preconditions(uid=run["metadata"]["uid"])),
            propagation_policy="Background",
            _request_timeout=self._timeout,
        )

    def events(self, run: Body) -> list[Body]:
        """The Events of a run, as the API server sends them; none where they may not be read."""
        from kubernetes.client import CoreV1Api  # noqa: PLC0415 - loads half a second

        try:
            listed = CoreV1Api(self.client).list_namespaced_event(
                self.namespace,
                field_selector=f"involvedObject.uid={run['metadata']['uid']}",
                _request_timeout=self._timeout,
            )
        except ApiException as error:
            if error.status == FORBIDDEN:
                return []
            raise
        items = self.client.sanitize_for_serialization(listed.items)  # type: ignore[no-untyped-call]
        return cast("list[Body]", items)

    def watch(self, run: Body, *, seconds: int) -> Iterator[Body | None]:
        """A run each time it changes, for some seconds; None once it is deleted."""
        metadata = run["metadata"]
        events = Watch().stream(  # type: ignore[no-untyped-call]
            self._api.list_namespaced_custom_object,
            *self._place(),
            field_selector=f"metadata.name={metadata['name']}",
            resource_version=metadata["resourceVersion"],
            timeout_seconds=seconds,
            _request_timeout=(self._timeout, seconds + self._timeout),
        )
        for event in events:
            yield None if event["type"] == "DELETED" else event["raw_object"]

    def _place(self) -> tuple[str, str, str, str]:
        return GROUP, VERSION, self.namespace, PLURAL

    def _not_found(self, name: str, error: ApiException) -> Exception:
        """The error to raise: of a run that is not there one that helps."""
        if error.status != NOT_FOUND or name not in of_answer(error.status, error.body):
            return error
        names = [run["metadata"]["name"] for run in self.find()]
        elsewhere: list[str] = []
        if name not in names:
            with suppress(ApiException, HTTPError):  # the user may not be allowed to look there
                found = self.find(name=name, everywhere=True)
                elsewhere = [run["metadata"]["namespace"] for run in found]
        return ClusterError(no_run(name, self.namespace, names, elsewhere))
