"""Rules over the graph of stages."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelinerun.api.definition import PipelineDefinition
from pipelinerun.api.graph import violations
from pipelinerun.api.topology import links, topology_of
from tests.support.definitions import Document, definition, line, stage

A, B, C = "a", "b", "c"
SOURCE = stage("in", "source")
SINK = stage("out", "sink")


def found(stages: Sequence[Document], *joined: str, **fields: object) -> list[str]:
    return [str(violation) for violation in violations(definition(stages, joined, **fields))]


VALID: dict[str, tuple[list[Document], tuple[str, ...]]] = {
    "a source and a sink": ([SOURCE, SINK], ()),
    "a line without edges": (line(5), ()),
    "edges against the order written": (
        [SINK, stage(B), SOURCE, stage(A)],
        ("b>out", "a>b", "in>a"),
    ),
    "a disabled stage in the middle": ([SOURCE, stage(A, enabled=False), SINK], ()),
    "disabled stages in a row": (
        [SOURCE, stage(A, enabled=False), stage(B, enabled=False), SINK],
        ("in>a", "a>b", "b>out"),
    ),
    "a branch whose stages are disabled": (
        [SOURCE, stage(A), stage(B, enabled=False), SINK],
        ("in>a", "in>b", "a>out"),
    ),
    "a second source that is disabled": (
        [SOURCE, stage("in2", "source", enabled=False), SINK],
        ("in>out", "in2>out"),
    ),
    "a branch and a join": (
        [SOURCE, stage(A), stage(B, runsAfter=["in"]), stage("out", "sink", runsAfter=[A, B])],
        ("in>a", "in>b", "a>out", "b>out"),
    ),
    "parts that share nothing": (
        [SOURCE, stage("in2", "source"), SINK, stage("out2", "sink")],
        ("in>out", "in2>out2"),
    ),
    "runsAfter any stage upstream": (
        [SOURCE, stage(A), stage(B), stage("out", "sink", runsAfter=["in", A, B])],
        (),
    ),
    "runsAfter a disabled stage": (
        [SOURCE, stage(A, enabled=False), stage("out", "sink", runsAfter=[A])],
        (),
    ),
    "phases that go up, stay, or are left out": (
        [
            stage("in", "source", phase=0),
            stage(A, phase=2),
            stage(B),
            stage(C, phase=2),
            stage("out", "sink", phase=5),
        ],
        (),
    ),
    "a disabled stage's phase": (
        [SOURCE, stage(A, phase=5, enabled=False), stage("out", "sink", phase=1)],
        (),
    ),
}


@pytest.mark.parametrize("case", VALID)
def test_a_valid_graph_has_no_violations(case: str) -> None:
    stages, joined = VALID[case]
    assert found(stages, *joined) == []


INVALID: dict[str, tuple[list[Document], tuple[str, ...], list[str]]] = {
    "a name used twice": (
        [SOURCE, stage(A), stage(A), SINK],
        (),
        ["stages[2].name: 'a' is used twice"],
    ),
    "edges to and from nowhere": (
        [SOURCE, SINK],
        ("in>out", "in>a", "b>out"),
        ["edges[1].to: no stage is named 'a'", "edges[2].from: no stage is named 'b'"],
    ),
    "an edge written twice": (
        [SOURCE, SINK],
        ("in>out", "in>out"),
        ["edges[1]: in -> out is written twice"],
    ),
    "a cycle": (
        [SOURCE, stage(A), stage(B), SINK],
        ("in>a", "a>b", "b>a", "b>out"),
        ["edges: form a cycle: a -> b -> a"],
    ),
    "no source": (
        [stage(A), SINK],
        (),
        ["stages: no enabled stage is a source"],
    ),
    "no sink": (
        [SOURCE, stage(A)],
        (),
        ["stages: no enabled stage is a sink", "stages[1]: rows of 'a' reach no sink"],
    ),
    "a disabled source": (
        [stage("in", "source", enabled=False), SINK],
        (),
        ["stages: no enabled stage is a source"],
    ),
    "a disabled sink": (
        [SOURCE, stage("out", "sink", enabled=False)],
        (),
        ["stages: no enabled stage is a sink", "stages[0]: rows of 'in' reach no sink"],
    ),
    "everything disabled": (
        [stage("in", "source", enabled=False), stage("out", "sink", enabled=False)],
        (),
        ["stages: no enabled stage is a source", "stages: no enabled stage is a sink"],
    ),
    "a stage before a source": (
        [stage("in", "source"), stage("in2", "source"), SINK],
        (),
        [
            "stages[1]: source 'in2' has a stage before it",
        ],
    ),
    "a stage after a sink": (
        [SOURCE, stage("out", "sink"), stage("out2", "sink")],
        (),
        [
            "stages[1]: sink 'out' has a stage after it",
        ],
    ),
    "a stage that no edge touches": (
        [SOURCE, stage(A), SINK],
        ("in>out",),
        [
            "stages[1]: rows of 'a' reach no sink",
            "stages[1]: 'a' is not reached from any source",
        ],
    ),
    "runsAfter a stage downstream, itself and nowhere": (
        [SOURCE, stage(A, runsAfter=["out", A, "x"]), SINK],
        (),
        [
            "stages[1].runsAfter[0]: 'out' is not upstream of 'a'",
            "stages[1].runsAfter[1]: 'a' is not upstream of 'a'",
            "stages[1].runsAfter[2]: no stage is named 'x'",
        ],
    ),
    "phases that go backwards, behind a stage without one": (
        [SOURCE, stage(A, phase=3), stage(B), stage(C, phase=1), SINK],
        (),
        ["stages[3].phase: phase 1 comes after phase 3 of 'a'"],
    ),
    "runsAfter a stage of another branch, and phases that go backwards in one": (
        [SOURCE, stage(A, phase=3), stage(B, phase=1, runsAfter=[A]), stage(C, phase=2), SINK],
        ("in>a", "in>b", "a>c", "b>c", "c>out"),
        [
            "stages[2].runsAfter[0]: 'a' is not upstream of 'b'",
            "stages[3].phase: phase 2 comes after phase 3 of 'a'",
        ],
    ),
    "phases that go backwards across a disabled stage": (
        [SOURCE, stage(A, phase=3), stage(B, enabled=False), stage(C, phase=1), SINK],
        ("in>a", "a>b", "b>c", "c>out"),
        ["stages[3].phase: phase 1 comes after phase 3 of 'a'"],
    ),
    "names and edges at once": (
        [SOURCE, stage(A), stage(A), SINK],
        ("in>a", "a>x", "a>x"),
        [
            "stages[2].name: 'a' is used twice",
            "edges[1].to: no stage is named 'x'",
            "edges[2].to: no stage is named 'x'",
            "edges[2]: a -> x is written twice",
        ],
    ),
    "order, phases, reach and shape at once": (
        [
            stage("in", "source", phase=2),
            stage(A, phase=1, runsAfter=["out"]),
            stage(B),
            SINK,
        ],
        ("in>a", "in>out", "a>out"),
        [
            "stages[2]: rows of 'b' reach no sink",
            "stages[2]: 'b' is not reached from any source",
            "stages[1].runsAfter[0]: 'out' is not upstream of 'a'",
            "stages[1].phase: phase 1 comes after phase 2 of 'in'",
        ],
    ),
}


@pytest.mark.parametrize("case", INVALID)
def test_every_violation_is_reported_with_its_field(case: str) -> None:
    stages, joined, expected = INVALID[case]
    assert found(stages, *joined) == expected


def test_a_parameter_is_declared_once() -> None:
    params = [{"name": "size"}, {"name": "size"}]
    assert found(line(2), params=params) == ["params[1].name: 'size' is declared twice"]


def test_the_neighbours_of_a_disabled_stage_are_joined_once() -> None:
    stages = [SOURCE, stage(A, enabled=False), stage(B, enabled=False), SINK]
    joined = ("in>a", "in>b", "a>out", "b>out", "in>out")
    assert links(definition(stages, joined)) == [("in", "out")]


@st.composite
def lines(draw: st.DrawFn) -> tuple[list[Document], tuple[str, ...], list[str]]:
    """Stages of a line in any order, some disabled, its edges in any order, and its enabled."""
    stages = line(draw(st.integers(2, 12)))
    for inner in stages[1:-1]:
        inner["enabled"] = draw(st.booleans())
    names = [it["name"] for it in stages]
    joined = [f"{a}>{b}" for a, b in pairwise(names)]
    enabled = [it["name"] for it in stages if it.get("enabled", True)]
    return draw(st.permutations(stages)), tuple(draw(st.permutations(joined))), enabled


@given(lines())
def test_a_line_is_found_in_whatever_order_it_is_written(
    drawn: tuple[list[Document], tuple[str, ...], list[str]],
) -> None:
    stages, joined, enabled = drawn
    built = definition(stages, joined)
    assert violations(built) == []
    assert [*topology_of(built).stages] == enabled


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[Document], tuple[str, ...]]:
    """Any stages with any edges between them, cycles and all."""
    kinds = draw(st.lists(st.sampled_from(["source", "stage", "sink"]), min_size=1, max_size=6))
    enabled = draw(st.lists(st.booleans(), min_size=len(kinds), max_size=len(kinds)))
    pairs = zip(kinds, enabled, strict=True)
    stages = [stage(f"s{n}", kind, enabled=on) for n, (kind, on) in enumerate(pairs)]
    ends = st.integers(0, len(kinds) - 1)
    joined = draw(st.lists(st.tuples(ends, ends), max_size=12, unique=True))
    return stages, tuple(f"s{a}>s{b}" for a, b in joined)


@given(graphs())
def test_without_violations_rows_go_from_sources_through_all_enabled_stages_to_sinks(
    drawn: tuple[list[Document], tuple[str, ...]],
) -> None:
    stages, joined = drawn
    built = definition(stages, joined)
    if violations(built):
        return
    topology = topology_of(built)
    order = [*topology.stages]
    assert sorted(order) == sorted(it.name for it in built.stages if it.enabled)
    for name, it in topology.stages.items():
        assert bool(topology.before[name]) == (it.type != "source")
        assert bool(topology.after[name]) == (it.type != "sink")
        assert all(order.index(before) < order.index(name) for before in topology.before[name])
        assert all(name in topology.before[after] for after in topology.after[name])


def test_stages_that_do_not_wait_for_each_other_stay_in_the_order_written() -> None:
    stages = [SINK, stage(B), stage("in2", "source"), stage(A), SOURCE]
    built = definition(stages, ("in>a", "in2>b", "a>out", "b>out"))
    assert [*topology_of(built).stages] == ["in2", "b", "in", "a", "out"]


@given(graphs(), st.data())
def test_the_order_in_which_edges_are_written_changes_no_verdict(
    drawn: tuple[list[Document], tuple[str, ...]], data: st.DataObject
) -> None:
    stages, joined = drawn
    shuffled = data.draw(st.permutations(joined))
    assert bool(found(stages, *joined)) == bool(found(stages, *shuffled))


def test_the_largest_definition_is_checked_and_ordered() -> None:
    stages = line(500)
    joined = [f"s{n}>s{n + 1}" for n in range(499)]
    built = definition(stages, joined)
    assert violations(built) == []
    assert [*topology_of(built).stages] == [it["name"] for it in stages]


QUEUED = [{"from": "in", "to": "a", "queueSize": 5}, {"from": "a", "to": "out"}]


def test_all_edges_into_a_stage_have_a_size_or_none() -> None:
    document = {
        "stages": [SOURCE, stage("in2", "source"), stage(A), SINK],
        "edges": [*QUEUED, {"from": "in2", "to": "a"}],
    }
    assert [str(it) for it in violations(PipelineDefinition.model_validate(document))] == [
        "edges[2].queueSize: is missing, and another edge to 'a' has it"
    ]


@pytest.mark.parametrize("stages", [(), (stage("gone", enabled=False),)])
def test_an_edge_behind_a_checkpoint_has_no_size(stages: Sequence[Document]) -> None:
    way = ["in", *(it["name"] for it in stages), "a", "out"]
    document = {
        "stages": [SOURCE | {"checkpoint": "/c"}, *stages, stage(A), SINK],
        "edges": [
            {"from": before, "to": after} | ({"queueSize": 5} if after == "a" else {})
            for before, after in pairwise(way)
        ],
    }
    (only,) = violations(PipelineDefinition.model_validate(document))
    assert only.path == f"edges[{len(stages)}].queueSize"
    assert only.message == "all rows of 'in' are in its checkpoint before 'a' gets one"
