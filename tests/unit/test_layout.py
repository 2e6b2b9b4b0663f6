"""How graphs of stages are laid out as plans."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelinerun.api.prepare import wrong_definition
from pipelinerun.api.topology import Topology, topology_of
from pipelinerun.engine.layout import Plan, Step, plans_of
from tests.support.definitions import Document, definition, stage


def topology(joined: str, kept: Iterable[str] = ()) -> Topology:
    """Of edges such as ``in>a a>out``; names tell the type of a stage."""
    pairs = joined.split()
    names = dict.fromkeys(name for pair in pairs for name in pair.split(">"))
    stages = [_stage(name, kept=name in kept) for name in names]
    built = definition(stages, pairs)
    assert wrong_definition(built) == []
    return topology_of(built)


def _stage(name: str, *, kept: bool) -> Document:
    kind = {"i": "source", "o": "sink"}.get(name[0].lower(), "stage")
    fields = {"checkpoint": f"/rows/{name}"} if kept else {}
    return stage(name, kind, **fields, **({"actor": "steps:Work"} if name[0].isupper() else {}))


def shown(plan: Plan) -> str:
    """A plan in a line: (what comes from a checkpoint), [a stage that takes parcels], >to whom."""
    words = [_word(step) for step in plan.steps]
    if plan.kept:
        words.append(f"keep {plan.kept.name}")
    if plan.given:
        words.append(
            f"{'hold, ' if plan.held else ''}give {','.join(it.name for it in plan.given)}"
        )
    return "; ".join(words)


def _word(step: Step) -> str:
    name = step.stage.name
    name = f"({name})" if step.restored else f"[{name}]" if step.parcels else name
    return f"{'+'.join(step.before)}{'>' if step.before else ''}{name}" + (
        f" => {','.join(step.to)}" if step.to else ""
    )


@pytest.mark.parametrize(
    ("joined", "given_to", "expected"),
    [
        ("in>a a>out", {}, ["in; in>a; a>out"]),
        ("in>a a>out", {"out": True}, ["in; in>a; give out"]),
        ("in>out", {"out": False}, ["in; give out"]),
        ("i1>a i2>a a>out", {}, ["i1; i2; i1+i2>a; a>out"]),
        ("i1>o1 i2>o2", {}, ["i1; i1>o1; i2; i2>o2"]),
        ("in>a in>b a>out b>out", {}, ["in => a,b; [a] => out; [b] => out; [out]"]),
        (
            "in>a a>b b>c b>d c>o1 d>o2 i2>d",
            {},
            ["in; in>a; a>b => c,d; i2 => d; [c] => o1; [o1]; [d] => o2; [o2]"],
        ),
        # A writer can be the end of a plan that streams; another function may read less, or twice.
        ("in>o1 in>o2", {"o1": True}, ["in => o1,o2; [o2]; give o1"]),
        ("in>o1 in>o2", {"o1": False}, ["in => o1,o2; [o2]; hold, give o1"]),
        ("in>o1 in>o2", {"o1": True, "o2": True}, ["in => o1,o2; hold, give o1,o2"]),
        ("i1>o1 i2>o2", {"o1": True}, ["i1; i2; i2>o2; give o1"]),
        ("i1>o1 i2>o2 i3>o3", {"o1": False}, ["i2; i2>o2; i3; i3>o3", "i1; give o1"]),
        ("i1>o1 i2>o2", {"o1": True, "o2": True}, ["i1; give o1", "i2; give o2"]),
    ],
)
def test_a_graph_is_laid_out(joined: str, given_to: dict[str, bool], expected: list[str]) -> None:
    assert [*map(shown, plans_of(topology(joined), given=given_to))] == expected


@pytest.mark.parametrize(
    ("joined", "kept", "restored", "expected"),
    [
        ("in>a a>out", {"a"}, (), ["in; in>a; keep a", "(a); a>out"]),
        ("in>a a>out", {"a"}, ("a",), ["(a); a>out"]),
        ("in>a a>out", {"in", "a"}, ("in",), ["(in); in>a; keep a", "(a); a>out"]),
        (
            "in>a in>b a>c b>c c>o1 c>o2",
            {"c"},
            (),
            ["in => a,b; [a] => c; [b] => c; [c]; keep c", "(c) => o1,o2; [o1]; [o2]"],
        ),
        (
            "in>a in>b a>out b>out",
            {"in", "a"},
            (),
            ["in; keep in", "(in); in>a; keep a", "(in); (a); in>b; a+b>out"],
        ),
        ("in>a in>b a>out b>out", {"in", "a"}, ("a", "in"), ["(in); (a); in>b; a+b>out"]),
        ("i1>out i2>out", {"i1"}, (), ["i1; keep i1", "(i1); i2; i1+i2>out"]),
    ],
)
def test_each_checkpoint_ends_a_plan(
    joined: str, kept: set[str], restored: tuple[str, ...], expected: list[str]
) -> None:
    plans = plans_of(topology(joined, kept), given={}, restored=restored)
    assert [*map(shown, plans)] == expected


@pytest.mark.parametrize(
    ("joined", "expected"),
    [
        ("in>a a>out", "in a out"),
        ("in>Ca Ca>out", "in Ca+out"),
        ("In>a a>out", "In a out"),
        ("in>a a>Ca Ca>b b>out", "in a Ca+b+out"),
        ("in>Ca Ca>Cb Cb>out", "in Ca Cb+out"),
        ("in>Ca Ca>xa xa>out", "in Ca xa out"),
        ("in>Ca i2>b Ca>out b>out", "in Ca i2 b out"),
        ("i1>Ca i2>a Ca>b a>out b>out", "i1 Ca+b i2 a out"),
        ("in>Ca Ca>o1 Ca>o2", "in Ca o1 o2"),
        ("in>Ca in>b Ca>o1 b>o2", "in Ca+b+o1+o2"),
        ("in>a in>Cb a>o1 Cb>o2", "in a Cb+o1+o2"),
    ],
)
def test_functions_that_ask_for_nothing_run_with_the_class_before_them(
    joined: str, expected: str
) -> None:
    """Names with a capital are classes, and those with an x ask for something."""
    (plan,) = plans_of(topology(joined), given={})
    lines = plan.lines(lambda it: it.actor is None and it.name[0] != "x")
    assert " ".join("+".join(it.stage.name for it in line) for line in lines) == expected


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Topology, dict[str, bool]]:
    """Any graph without violations, and which of its sinks are given a Dataset."""
    sources = [f"i{n}" for n in range(draw(st.integers(1, 3)))]
    inner = [f"a{n}" for n in range(draw(st.integers(0, 4)))]
    sinks = [f"o{n}" for n in range(draw(st.integers(1, 3)))]
    pairs: list[str] = []
    for place, name in enumerate([*inner, *sinks]):
        before = [*sources, *inner[:place]]
        chosen = draw(st.lists(st.sampled_from(before), min_size=1, max_size=3, unique=True))
        pairs += [f"{it}>{name}" for it in chosen]
    fed = {pair.split(">")[0] for pair in pairs}
    pairs += [f"{it}>{draw(st.sampled_from(sinks))}" for it in [*sources, *inner] if it not in fed]
    names = [*sources, *inner, *sinks]
    stages = [_stage(name, kept=name[0] != "o" and draw(st.booleans())) for name in names]
    for index, found in reversed([*enumerate(stages)]):
        if wrong_definition(definition(stages, pairs)):
            found.pop("checkpoint", None)
            stages[index] = found
    given_to = draw(st.dictionaries(st.sampled_from(sinks), st.booleans()))
    return topology_of(definition(stages, pairs)), given_to


@given(graphs())
def test_every_connection_is_in_exactly_one_plan_and_every_stage_runs_once(
    drawn: tuple[Topology, dict[str, bool]],
) -> None:
    graph, given_to = drawn
    plans = plans_of(graph, given=given_to)
    steps = [step for plan in plans for step in plan.steps]
    ran = [step.stage.name for step in steps if not step.restored]
    ran += [sink.name for plan in plans for sink in plan.given]
    assert sorted(ran) == sorted(graph.stages)
    fed = [(step.stage.name, other) for step in steps for other in step.feeds]
    assert sorted(fed) == sorted((a, b) for a, after in graph.after.items() for b in after)


@given(graphs())
def test_ray_data_can_run_every_plan(drawn: tuple[Topology, dict[str, bool]]) -> None:
    graph, given_to = drawn
    for plan in plans_of(graph, given=given_to):
        rows: set[str] = set()
        parcels: set[str] = set()
        for step in plan.steps:
            name = step.stage.name
            if step.parcels:
                assert name in parcels
                parcels.remove(name)
            assert rows.issuperset(step.before)
            rows -= {*step.before}
            if step.packs:
                parcels |= {*step.feeds}
            elif step.stage.type != "sink":
                assert len(step.feeds) <= 1
                rows.add(name)
        ends = {it.name for it in plan.given}
        if plan.kept:
            assert (rows, parcels) == ({plan.kept.name}, set())
        elif plan.parcels:
            assert (rows, parcels) == (set(), ends)
        else:
            taken = {before for name in ends for before in graph.before[name]}
            assert (rows, parcels) == (taken, set())
