"""The graph of a pipeline as a Mermaid flowchart, with the figures of a run. Pure."""

import json
from collections.abc import Iterator, Sequence

from pipelinerun.api.report import ReportedEdge, ReportedStage
from pipelinerun.api.status import StageState

SHAPES = {"source": ("([", "])"), "stage": ("[", "]"), "sink": ("[(", ")]")}
"""What stands around the text of a box: a source is round, a sink a cylinder."""
FILLS: dict[StageState | None, str] = {
    None: "fill:#f6f8fa,stroke:#57606a",
    "Pending": "fill:#f6f8fa,stroke:#57606a,stroke-dasharray:4",
    "Running": "fill:#e7f3ff,stroke:#0969da",
    "Succeeded": "fill:#e8f5e9,stroke:#2e7d32",
    "Failed": "fill:#ffebee,stroke:#c62828,stroke-width:2px",
    "Stopped": "fill:#fff8e1,stroke:#b26a00",
    "Skipped": "fill:#f6f8fa,stroke:#57606a,stroke-dasharray:4",
}
LONGEST_LINE = 5
"""Stages in a row that are drawn from left to right; more go from top to bottom."""


LONGEST_CODE = 32
"""Characters of an import path; a longer one loses its packages."""
MEASURABLE = 0.1
"""Seconds below which a speed says nothing."""


def flowchart(
    stages: Sequence[ReportedStage], edges: Sequence[ReportedEdge], title: str = ""
) -> str:
    """A flowchart of stages and edges, one box a stage, in the language of Mermaid."""
    identities = {stage.name: f"s{index}" for index, stage in enumerate(stages)}
    direction = "LR" if _longest(stages, edges) <= LONGEST_LINE else "TB"
    head = ["---", f"title: {json.dumps(title, ensure_ascii=False)}", "---"] if title else []
    lines = [*head, f"flowchart {direction}"]
    for stage in stages:
        before, after = SHAPES[stage.type]
        text = "<br/>".join(_texts(stage))
        lines.append(f'  {identities[stage.name]}{before}"{text}"{after}:::{_class(stage.state)}')
    for edge in edges:
        rows = "" if edge.rows is None else f'|"{edge.rows:,}"|'
        lines.append(f"  {identities[edge.from_]} -->{rows} {identities[edge.to]}")
    used = {stage.state for stage in stages}
    lines += [
        f"  classDef {_class(state)} {fill},color:#1f2328"
        for state, fill in FILLS.items()
        if state in used
    ]
    return "\n".join(lines) + "\n"


def _class(state: StageState | None) -> str:
    return (state or "defined").lower()


def _texts(stage: ReportedStage) -> Iterator[str]:
    yield f"<b>{escaped(stage.name)}</b>"
    yield escaped(_short(stage.code))
    if stage.state in {None, "Pending"}:
        return
    if stage.state in {"Failed", "Stopped", "Skipped"}:
        yield stage.state
    rows = {"in": stage.rows_in, "out": stage.rows_out, "errors": stage.errors}
    hidden = {"source": {"in"}, "sink": {"out"}, "stage": set[str]()}[stage.type]
    shown = (name for name in rows if name not in hidden and (rows[name] or name != "errors"))
    text = " · ".join(f"{rows[name]:,} {name}" for name in shown)
    yield text.removesuffix("s") if stage.errors == 1 else text
    if stage.seconds or stage.replicas:
        yield " · ".join(_speed(stage))
    if stage.replicas and stage.peak_memory_bytes:
        count = f"{stage.replicas} process{'es' if stage.replicas > 1 else ''}"
        yield f"{count} · {stage.peak_memory_bytes / 1024**2:,.0f} MiB"


def _speed(stage: ReportedStage) -> Iterator[str]:
    yield f"{stage.seconds:,.1f} s"
    if stage.rows_per_second and stage.seconds >= MEASURABLE:
        yield f"{stage.rows_per_second:,.0f} rows/s"


def _short(code: str) -> str:
    if len(code) <= LONGEST_CODE:
        return code
    module, _, attribute = code.partition(":")
    short = f"…{module.rpartition('.')[2]}:{attribute}"
    return short if len(short) <= LONGEST_CODE else attribute[:LONGEST_CODE]


def _longest(stages: Sequence[ReportedStage], edges: Sequence[ReportedEdge]) -> int:
    """Stages on the longest way from a source to a sink."""
    depths = dict.fromkeys((stage.name for stage in stages), 1)
    for _ in stages:
        deeper = {
            edge.to: depths[edge.from_] + 1
            for edge in edges
            if depths[edge.to] <= depths[edge.from_]
        }
        if not deeper:
            break
        depths |= deeper
    return max(depths.values(), default=0)


def escaped(text: str) -> str:
    """A text as it may stand in a label."""
    return "".join(it if it.isalnum() or it in " .:_-" else f"#{ord(it)};" for it in text)
