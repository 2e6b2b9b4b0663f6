"""One kind of objects that is watched: who is told, and whether the watch is up to date."""

from collections.abc import Sequence
from typing import Protocol

from kubernetes.aio.client import ApiClient

from pipelinerun.controller.freshness import Freshness
from pipelinerun.controller.listing import lister
from pipelinerun.controller.runs import Body, RunKey


class Viewer(Protocol):
    """Who is told what is seen."""

    def see(self, event: str | None, body: Body) -> None:
        """Take in what the watch shows."""

    def deleted(self, uid: str, key: RunKey) -> None:
        """An object is gone, and the watch did not say so."""


class Watched:
    """A kind, by the names that the API server has for it.

    Attributes:
        selector: labels of the objects that are watched.
        listing: reads the versions of all objects.
        freshness: of the watch.
    """

    def __init__(
        self,
        client: ApiClient,
        viewer: Viewer,
        name: str,
        kind: tuple[str, str, str],
        *,
        namespaces: Sequence[str] = (),
        selector: str | None = None,
    ) -> None:
        """Describe a kind.

        Args:
            client: for listings.
            viewer: who is told.
            name: for people.
            kind: group, version and plural.
            namespaces: where; none means everywhere.
            selector: labels of what is watched.
        """
        self.kind, self.selector = kind, selector
        group, version, plural = kind
        path = f"/apis/{group}/{version}" if group else f"/api/{version}"
        self.listing = lister(client, path, plural, namespaces, selector)
        self.freshness = Freshness(name, self.listing, viewer.deleted)
        self._viewer = viewer

    def see(self, event: str | None, body: Body) -> None:
        """Take in what the watch shows."""
        self.freshness.see(event, body)
        self._viewer.see(event, body)
