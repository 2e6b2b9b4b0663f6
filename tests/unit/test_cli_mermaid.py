"""Flowcharts."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelinerun.api.report import ReportedEdge, ReportedStage
from pipelinerun.api.status import StageState
from pipelinerun.cli.mermaid import FILLS, escaped, flowchart


def edge(before: str, after: str, rows: int | None = None) -> ReportedEdge:
    return ReportedEdge.model_validate({"from": before, "to": after, "rows": rows})


def chart(count: int) -> str:
    names = [f"n{index}" for index in range(count)]
    stages = [ReportedStage(name=name, type="stage", code="steps:f") for name in names]
    pairs = itertools.pairwise(names)
    return flowchart(stages, [edge(before, after) for before, after in pairs])


def test_a_pipeline_that_has_not_run_is_drawn_without_figures() -> None:
    stages = [
        ReportedStage(name="read", type="source", code="ray.data:read_parquet"),
        ReportedStage(name="parse", type="stage", code="some.very.long.package.of.parsers:Parser"),
        ReportedStage(name="a_b", type="sink", code=f"steps:{'Write' * 9}"),
    ]
    assert flowchart(stages, [edge("read", "parse"), edge("parse", "a_b")]).splitlines() == [
        "flowchart LR",
        '  s0(["<b>read</b><br/>ray.data:read_parquet"]):::defined',
        '  s1["<b>parse</b><br/>#8230;parsers:Parser"]:::defined',
        f'  s2[("<b>a_b</b><br/>{("Write" * 9)[:32]}")]:::defined',
        "  s0 --> s1",
        "  s1 --> s2",
        "  classDef defined fill:#f6f8fa,stroke:#57606a,color:#1f2328",
    ]


def test_figures_of_a_run_are_in_the_boxes_and_at_the_edges() -> None:
    read = ReportedStage(
        name="read",
        type="source",
        code="steps:read",
        state="Succeeded",
        rows_out=1200,
        seconds=0.01,
        rows_per_second=120_000.0,
        replicas=1,
    )
    work = ReportedStage(
        name="work",
        type="stage",
        code="steps:Work",
        state="Failed",
        rows_in=1000,
        rows_out=900,
        errors=1,
        seconds=12.34,
        rows_per_second=81.0,
        replicas=2,
        peak_memory_bytes=300 * 1024**2,
    )
    keep = ReportedStage(name="keep", type="sink", code="steps:keep", state="Pending")
    drawn = flowchart(
        [read, work, keep], [edge("read", "work", 1200), edge("work", "keep", 900)], 'a "run"'
    )
    lines = drawn.splitlines()
    assert lines[:4] == ["---", r'title: "a \"run\""', "---", "flowchart LR"]
    assert "read</b><br/>steps:read<br/>1,200 out<br/>0.0 s" in lines[4]
    assert lines[5].endswith(
        "work</b><br/>steps:Work<br/>Failed<br/>1,000 in · 900 out · 1 error"
        '<br/>12.3 s · 81 rows/s<br/>2 processes · 300 MiB"]:::failed'
    )
    assert lines[6].endswith('keep</b><br/>steps:keep")]:::pending')
    assert lines[7:9] == ['  s0 -->|"1,200"| s1', '  s1 -->|"900"| s2']


@pytest.mark.parametrize(("count", "direction"), [(1, "LR"), (5, "LR"), (6, "TB"), (500, "TB")])
def test_long_pipelines_go_downwards(count: int, direction: str) -> None:
    assert chart(count).startswith(f"flowchart {direction}\n")


def test_a_circle_is_drawn_too() -> None:
    stages = [ReportedStage(name=name, type="stage", code="steps:f") for name in "ab"]
    assert flowchart(stages, [edge("a", "b"), edge("b", "a")]).startswith("flowchart ")


def test_every_state_has_a_colour() -> None:
    assert {it for it in FILLS if it} == set(StageState.__args__)  # type: ignore[attr-defined]


@given(st.text())
def test_no_text_gets_out_of_its_box(text: str) -> None:
    assert not set(escaped(text)) & set('"<>[](){}|\n`')
