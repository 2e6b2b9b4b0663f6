"""How many writes a run took."""

from typing import Any

from prometheus_client import CollectorRegistry

from pipelinerun.controller.metrics import Meters
from pipelinerun.controller.runs import Run, read_run
from pipelinerun.controller.writes import WritesOfRuns, note_write, spending
from tests.unit.test_runs import body

FINISHED = {"phase": "Succeeded"}


def run(uid: str = "1", **status: Any) -> Run:
    found = body(status=status)
    found["metadata"]["uid"] = uid
    return read_run(found)


class Counted:
    """What is shown of the writes."""

    def __init__(self) -> None:
        meters, self._registry = Meters(), CollectorRegistry()
        meters.register(self._registry)
        self.writes = WritesOfRuns(meters)

    def __call__(self) -> tuple[float, float]:
        """Runs, and their writes."""
        labels = {"mode": "Subprocess"}
        name = "pipelinerun_run_api_writes"
        count = self._registry.get_sample_value(f"{name}_count", labels) or 0.0
        return count, self._registry.get_sample_value(f"{name}_sum", labels) or 0.0


def test_writes_add_up_from_the_first_status_to_the_last() -> None:
    counted = Counted()
    counted.writes.add(run(), run(), 1)  # a conflict: nothing was written
    counted.writes.add(run(), run(phase="Starting"), 3)
    counted.writes.add(run(phase="Starting"), run(phase="Starting"), 0)
    assert counted() == (0, 0)
    counted.writes.add(run(phase="Starting"), run(**FINISHED), 2)
    assert counted() == (1, 6)
    counted.writes.add(run(**FINISHED), run(**FINISHED), 1)  # its deletion
    assert counted() == (1, 6)


def test_a_run_whose_beginning_was_not_seen_does_not_count() -> None:
    counted = Counted()
    counted.writes.add(run(phase="Running"), run(**FINISHED), 2)
    assert counted() == (0, 0)


def test_a_run_that_takes_the_name_of_another_begins_anew() -> None:
    counted = Counted()
    counted.writes.add(run(), run(phase="Starting"), 3)
    counted.writes.add(run("2"), run("2", phase="Starting"), 2)
    counted.writes.add(run("2", phase="Starting"), run("2", **FINISHED), 2)
    assert counted() == (1, 4)


def test_writes_belong_to_the_block_that_they_are_made_in() -> None:
    note_write()
    with spending() as spent:
        note_write()
        note_write()
    note_write()
    assert spent.writes == 2
