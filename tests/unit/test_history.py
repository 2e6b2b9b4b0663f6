"""Which finished runs the history does not hold."""

from itertools import permutations

import pytest

from pipelinerun.api.names import LABEL_KEEP
from pipelinerun.controller.history import History, HistoryLimits
from pipelinerun.controller.runs import Run, RunKey, read_run


def run(name: str, phase: str, minute: int, namespace: str = "team", **labels: str) -> Run:
    """A run that was completed in some minute."""
    metadata = {
        "namespace": namespace,
        "name": name,
        "uid": name,
        "resourceVersion": "1",
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "labels": labels,
    }
    status = {"phase": phase, "completionTime": f"2026-01-01T01:{minute:02}:00Z"}
    return read_run({"metadata": metadata, "spec": {}, "status": status})


RUNS = [
    run("s1", "Succeeded", 1),
    run("s2", "Succeeded", 2),
    run("s3", "Succeeded", 3),
    run("f1", "Failed", 4),
    run("f2", "Cancelled", 5),
]


def surplus(history: History, runs: list[Run]) -> set[str]:
    return {it.name for it in runs if history.surplus(it.key)}


def silent(_key: RunKey) -> None:
    """Nobody listens."""


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        (HistoryLimits(), set()),
        (HistoryLimits(succeeded=3, failed=2), set()),
        (HistoryLimits(succeeded=1), {"s1", "s2"}),
        (HistoryLimits(failed=1), {"f1"}),
        (HistoryLimits(succeeded=0, failed=0), {"s1", "s2", "s3", "f1", "f2"}),
    ],
)
def test_the_oldest_beyond_the_limit_are_surplus(limits: HistoryLimits, expected: set[str]) -> None:
    for order in permutations(RUNS):
        history = History(limits, silent)
        for it in order:
            history.put(it)
        assert surplus(history, RUNS) == expected


def test_each_run_is_announced_when_another_one_makes_it_surplus() -> None:
    for order in permutations(RUNS):
        looked_at: list[RunKey] = []
        history = History(HistoryLimits(succeeded=1, failed=1), looked_at.append)
        for it in order:
            history.put(it)
            if history.surplus(it.key):  # whoever is put is looked at as well
                looked_at.append(it.key)
        assert surplus(history, RUNS) == {name for _, name in looked_at}


def test_a_part_of_the_runs_never_lets_one_go_that_all_of_them_keep() -> None:
    for order in permutations(RUNS):
        history = History(HistoryLimits(succeeded=2, failed=1), silent)
        for it in order:
            history.put(it)
            assert surplus(history, RUNS) <= {"s1", "f1"}


def test_each_namespace_has_a_history_of_its_own() -> None:
    history = History(HistoryLimits(succeeded=1), silent)
    runs = [run("a", "Succeeded", 1), run("b", "Succeeded", 2, namespace="other")]
    for it in runs:
        history.put(it)
    assert surplus(history, runs) == set()


def test_a_run_that_is_to_be_kept_is_passed_over() -> None:
    history = History(HistoryLimits(succeeded=1), silent)
    kept = run("kept", "Succeeded", 1, **{LABEL_KEEP: "true"})
    runs = [kept, run("a", "Succeeded", 2), run("b", "Succeeded", 3)]
    for it in runs:
        history.put(it)
    assert surplus(history, runs) == {"a"}
    history.put(run("kept", "Succeeded", 1))
    assert surplus(history, runs) == {"a", "kept"}
    history.put(kept)
    assert surplus(history, runs) == {"a"}


def test_a_run_that_is_gone_is_not_counted() -> None:
    history = History(HistoryLimits(succeeded=1), silent)
    runs = [run("a", "Succeeded", 1), run("b", "Succeeded", 2)]
    for it in runs:
        history.put(it)
    history.remove(runs[1].key)
    history.remove(("team", "unknown"))
    assert surplus(history, runs) == set()


def test_runs_under_way_are_not_counted() -> None:
    history = History(HistoryLimits(succeeded=0, failed=0), silent)
    metadata = {"namespace": "team", "name": "a", "uid": "a", "resourceVersion": "1"}
    metadata["creationTimestamp"] = "2026-01-01T00:00:00Z"
    under_way = read_run({"metadata": metadata, "spec": {}, "status": {"phase": "Running"}})
    history.put(under_way)
    assert not history.surplus(under_way.key)
