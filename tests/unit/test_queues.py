"""How many rows there is room for on the way to a stage."""

from typing import Any

import pytest

from pipelinerun.api.definition import PipelineDefinition
from pipelinerun.api.topology import topology_of
from pipelinerun.engine.queues import Flow, Queue, Queues, queues_of
from tests.support.definitions import edges


def definition_of(*queued: str, **more: dict[str, Any]) -> PipelineDefinition:
    """Of edges such as ``a>b:5``, with more fields of stages by their names."""
    pairs = [it.split(":") for it in queued]
    joined = [
        edge | ({"queueSize": int(size[0])} if size else {})
        for edge, (_, *size) in zip(edges(*(it[0] for it in pairs)), pairs, strict=True)
    ]
    names = dict.fromkeys(name for edge in joined for name in (edge["from"], edge["to"]))
    fed = {edge["to"] for edge in joined}
    feeding = {edge["from"] for edge in joined}
    written = [
        {
            "name": name,
            "type": "source" if name not in fed else "stage" if name in feeding else "sink",
            "callable": "m:f",
            **more.get(name, {}),
        }
        for name in names
    ]
    return PipelineDefinition.model_validate({"stages": written, "edges": joined})


def queues(*queued: str, **more: dict[str, Any]) -> tuple[list[Queue], Queues]:
    definition = definition_of(*queued, **more)
    topology = topology_of(definition)
    found = queues_of(definition, topology)
    return found, Queues(found, topology)


def flows(**counts: tuple[int, int]) -> dict[str, Flow]:
    return {name: Flow(*it) for name, it in counts.items()}


def test_edges_into_a_stage_share_the_sum_of_their_sizes() -> None:
    found, _ = queues("a>c:5", "b>c:7", "c>d")
    assert found == [Queue("c", ("a", "b"), 12)]


def test_a_queue_holds_a_batch() -> None:
    found, _ = queues("a>b:5", "b>c:5", b={"per": "Batch", "batchSize": 32})
    assert found == [Queue("b", ("a",), 32), Queue("c", ("b",), 5)]


def test_the_edges_around_a_disabled_stage_become_the_one_behind_it() -> None:
    found, _ = queues("a>b:5", "b>c:7", b={"enabled": False})
    assert found == [Queue("c", ("a",), 7)]


@pytest.mark.parametrize(
    ("out", "taken", "full"), [(0, 0, False), (4, 0, False), (5, 0, True), (9, 4, True)]
)
def test_a_stage_is_held_while_what_is_behind_it_is_full(out: int, taken: int, full: bool) -> None:
    _, it = queues("a>b", "b>c:5", "c>d")
    counts = flows(a=(0, 100), b=(50, out), c=(taken, 0), d=(0, 0))
    assert it.full("b", counts) is full
    assert not it.full("a", counts)
    assert not it.full("c", counts)


def test_each_branch_has_a_queue_of_its_own() -> None:
    _, it = queues("a>b:5", "a>c:3", "b>d", "c>d")
    assert it.full("a", flows(a=(0, 10), b=(10, 0), c=(7, 0), d=(0, 0)))
    assert not it.full("a", flows(a=(0, 10), b=(10, 0), c=(8, 0), d=(0, 0)))
    assert it.room("a", 10, flows(a=(0, 10), b=(10, 0), c=(8, 0), d=(0, 0))) == 1


def test_rows_that_a_source_has_not_reported_take_room() -> None:
    _, it = queues("a>b:5", "b>c")
    counts = flows(a=(0, 1), b=(1, 0), c=(0, 0))
    assert it.room("a", 1, counts) == 5
    assert it.room("a", 4, counts) == 2
    assert it.room("a", 6, counts) == 0


def test_a_source_is_held_by_any_queue_that_it_reaches() -> None:
    _, it = queues("a>b", "b>c:5", "c>d")
    assert it.reached_from("a")
    assert not it.reached_from("c")
    assert it.room("a", 100, flows(a=(0, 100), b=(90, 7), c=(7, 0), d=(0, 0))) == 5
    assert it.room("a", 100, flows(a=(0, 100), b=(90, 9), c=(2, 0), d=(0, 0))) == 0


def test_what_several_share_is_given_out_row_by_row() -> None:
    _, it = queues("a>c:1", "b>c:1", "c>d")
    counts = flows(a=(0, 0), b=(0, 0), c=(0, 0), d=(0, 0))
    assert it.room("a", 0, counts) == 1
    assert it.room("b", 0, counts) == 1
    assert it.room("a", 1, counts) == 0
    assert it.room("b", 1, counts) == 0
    counts["c"].rows_in = 1
    assert it.room("b", 1, counts) == 1
    assert it.room("a", 1, counts) == 0


def test_a_source_that_is_run_again_finds_the_room_that_it_had() -> None:
    _, it = queues("a>b:5", "b>c")
    assert it.room("a", 100, flows(a=(0, 100), b=(95, 0), c=(0, 0))) == 0
    assert it.room("a", 0, flows(a=(0, 0), b=(95, 0), c=(0, 0))) == 100
