"""Fixtures of all tiers."""

import os
import signal
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.cluster.build import BuildError
from tests.cluster.controlplane import ControlPlane

# Times are measured in benchmarks/, never asserted.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


@pytest.fixture(scope="session", autouse=True)
def _ctrl_c_is_heard() -> None:
    """Shells start what runs in the background with SIGINT ignored, and children inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def control_plane() -> Iterator[ControlPlane]:
    """A real kube-apiserver and etcd. Where they cannot be had, the tests say why."""
    try:
        plane = ControlPlane().__enter__()
    except BuildError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no control plane: {error}")
    try:
        yield plane
    finally:
        plane.__exit__()


TIERS = {
    "unit": "pure functions",
    "engine": "a real Ray",
    "execution": "real child processes",
    "apiserver": "a real kube-apiserver and etcd",
    "e2e": "a real node, Helm, the image",
}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which tiers ran, and why one did not."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    whys: dict[str, str] = {}
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.stats.get(outcome, ()):
            tier = Path(report.nodeid).parts[1]
            counts[tier][outcome] += 1
            if outcome == "skipped" and isinstance(report.longrepr, tuple):
                whys[tier] = " ".join(report.longrepr[2].removeprefix("Skipped: ").split())
    terminalreporter.section("tiers")
    for tier, against in TIERS.items():
        told = ", ".join(f"{number} {outcome}" for outcome, number in counts[tier].items())
        why = f": {whys[tier]}" if tier in whys else ""
        terminalreporter.write_line(f"{tier:<10} {against:<31} {told or 'not chosen'}{why}")
