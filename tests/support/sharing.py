"""How several processes share out the tests: those that share something stay together."""

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.support.tiers import tier_of

ON_A_NODE = frozenset({"chaos", "e2e"})
"""Tiers that share a node."""
_ORDER = ("chaos", "e2e", "apiserver", "execution", "engine", "unit")
"""Tiers whose files take longest come first: at the end, short ones keep all processes at work."""


class ByFile(LoadScopeScheduling):  # type: ignore[misc]  # xdist is not typed
    """Gives whole files to processes, and all that needs a node to one of them."""

    def _split_scope(self, nodeid: str) -> str:
        return "node" if tier_of(nodeid) in ON_A_NODE else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile:
    """See pytest-xdist."""
    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let those come first that take longest."""
    items.sort(key=lambda it: _ORDER.index(tier_of(it.nodeid)))
