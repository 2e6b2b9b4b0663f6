"""The tiers of tests: what each is against, how often it is tried, how it went."""

from collections import Counter, defaultdict
from pathlib import Path

import pytest
from pytest_timeout import Settings  # type: ignore[import-untyped]  # it is not typed

from tests.support.runs import Runs

TIERS = {
    "unit": "pure functions",
    "engine": "a real Ray",
    "execution": "real child processes",
    "apiserver": "a real kube-apiserver and etcd",
    "chaos": "kills and injected faults on a real node",
    "e2e": "a real node, Helm, the image",
}
TRIED_AGAIN = frozenset(TIERS) - {"unit"}
"""Tiers whose tests are tried once more: they depend on how loaded the machine is."""
BROKEN = 3
"""Tests that fail even so; after them nothing is tried again: it is not the machine."""
_OUTCOMES = ("passed", "failed", "error", "rerun", "skipped")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> None:
    """Let a test be tried once more."""
    known = item.config.pluginmanager.hasplugin("rerunfailures")
    if known and tier_of(item.nodeid) in TRIED_AGAIN and item.session.testsfailed < BROKEN:
        item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Give a second try as much time as the first: pytest-timeout counts from the first on."""
    if _is_second_try(item):
        marker = item.get_closest_marker("timeout")
        seconds = float(marker.args[0] if marker else item.config.getini("timeout"))
        settings = Settings(seconds, "signal", func_only=False, disable_debugger_detection=False)
        item.ihook.pytest_timeout_cancel_timer(item=item)
        item.ihook.pytest_timeout_set_timer(item=item, settings=settings)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Give a second try runs of its own: those of the first are taken away."""
    runs = getattr(item, "funcargs", {}).get("runs")
    if isinstance(runs, Runs):
        runs.begin_test(again=_is_second_try(item))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say why tests were tried again, which tiers ran, how long they took, why one did not run."""
    for report in terminalreporter.getreports("rerun"):
        terminalreporter.section(f"first try of {report.nodeid}")
        terminalreporter.write_line(report.longreprtext)
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    seconds: dict[str, float] = defaultdict(float)
    whys: dict[str, str] = {}
    for outcome, reports in terminalreporter.stats.items():
        for report in reports:
            if not isinstance(report, pytest.TestReport):
                continue
            tier = tier_of(report.nodeid)
            seconds[tier] += report.duration
            if outcome in _OUTCOMES:
                counts[tier][outcome] += 1
            if outcome == "skipped" and isinstance(report.longrepr, tuple):
                whys[tier] = " ".join(report.longrepr[2].removeprefix("Skipped: ").split())
    terminalreporter.section("tiers")
    for tier, against in TIERS.items():
        told = ", ".join(f"{counts[tier][it]} {it}" for it in _OUTCOMES if counts[tier][it])
        took = f" in {seconds[tier]:.0f} s" if told else ""
        why = f": {whys[tier]}" if tier in whys else ""
        terminalreporter.write_line(f"{tier:<10} {against:<41} {told or 'not chosen'}{took}{why}")


def _is_second_try(item: pytest.Item) -> bool:
    return getattr(item, "execution_count", 1) > 1


def tier_of(nodeid: str) -> str:
    """The tier that a test belongs to."""
    return Path(nodeid).parts[1]
