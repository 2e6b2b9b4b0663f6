"""A client whose writes are those of a leader, or do not take place."""

from typing import Any

from kubernetes.aio.client import ApiClient, Configuration

from pipelinerun.controller.leadership import Leadership

READS = frozenset({"GET", "HEAD", "OPTIONS"})


class GuardedApiClient(ApiClient):
    """Refuses writes while this operator does not lead, and ends those that it would outlive.

    What reaches the API server late all the same names the version it was made for.
    """

    def __init__(self, loaded: Configuration, leadership: Leadership) -> None:
        super().__init__(loaded)
        self._leadership = leadership

    async def call_api(self, method: str, url: str, *arguments: Any, **options: Any) -> Any:
        """Make a request.

        Raises:
            NotLeadingError: it is a write, and this operator does not lead.
        """
        if method not in READS:
            self._leadership.check()
            timeout = self._leadership.within(options.get("_request_timeout"))
            options["_request_timeout"] = timeout
        return await super().call_api(method, url, *arguments, **options)
