"""Reports of runs, and pictures of them."""

import json
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from running import program

from pipelinerun.api.definition import PipelineDefinition
from pipelinerun.api.job import PipelineJob
from pipelinerun.api.stage import Stage
from pipelinerun.api.status import Outcome
from pipelinerun.execution.lineage import write_report

STEPS = """
def numbers(): return [{"number": n} for n in range(20)]
def odd(row): return row if row["number"] % 2 else None
def keep(row, fail=False):
    if fail: raise ValueError("no")
"""
PNG = b"\x89PNG\r\n\x1a\n"


def pipeline(**fields: Any) -> str:
    read = {"name": "read", "type": "source", "callable": "steps:numbers"}
    odd = {"name": "odd", "callable": "steps:odd"}
    keep = {"name": "keep", "type": "sink", "callable": "steps:keep", **fields}
    return json.dumps({"name": "odd-numbers", "stages": [read, odd, keep]})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "steps.py").write_text(STEPS)
    (tmp_path / "good.json").write_text(pipeline())
    (tmp_path / "fail.json").write_text(pipeline(config={"fail": True}))
    return tmp_path


def test_a_run_leaves_a_report_that_can_be_drawn(folder: Path) -> None:
    ran = program(folder, "run", "good.json", "--report", "out/report.json")
    assert ran.returncode == 0, ran.stderr
    report = json.loads((folder / "out" / "report.json").read_text())
    assert (report["kind"], report["exitCode"]) == ("PipelineRunReport", 0)
    assert [it["rows"] for it in report["edges"]] == [20, 10]
    assert all(it["peakMemoryBytes"] > 10_000_000 for it in report["stages"][1:])

    drawn = program(folder, "graph", "out/report.json")
    assert drawn.stdout.startswith('---\ntitle: "odd-numbers · exit code 0')
    assert "20 in · 10 out" in drawn.stdout
    for name in ("graph.svg", "graph.png"):
        assert program(folder, "graph", "out/report.json", "-o", name).returncode == 0
    assert "20 in · 10 out" in (folder / "graph.svg").read_text(encoding="utf-8")
    assert (folder / "graph.png").read_bytes().startswith(PNG)


def test_a_run_that_fails_leaves_one_too(folder: Path) -> None:
    place = (folder / "failed.json").as_uri()
    ran = program(folder, "run", "fail.json", "--in-process", "--report", place)
    report = json.loads((folder / "failed.json").read_text())
    assert ran.returncode == report["exitCode"] == 1
    assert (report["failure"]["class"], report["failure"]["stage"]) == ("User", "keep")
    assert "#ffebee" in program(folder, "graph", "failed.json").stdout


def test_a_definition_is_drawn_as_it_is(folder: Path) -> None:
    drawn = program(folder, "graph", "good.json").stdout
    assert drawn.startswith('flowchart LR\n  s0(["<b>read</b><br/>steps:numbers"])')
    assert program(folder, "graph", "good.json", "-o", "graph.mmd").stdout == ""
    assert (folder / "graph.mmd").read_text(encoding="utf-8") == drawn


def test_what_cannot_be_drawn_is_told(folder: Path) -> None:
    (folder / "wrong.json").write_text('{"stages": []}')
    refused = program(folder, "graph", "wrong.json")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "stages: list should have at least 1 item" in refused.stderr
    ending = program(folder, "graph", "good.json", "-o", "graph.gif", COLUMNS="200")
    assert ending.returncode == 2
    assert "graph.gif ends with none of .mmd, .mermaid, .svg, .png" in ending.stderr


def test_without_the_library_it_is_told_what_to_install(folder: Path) -> None:
    (folder / "mermaidx.py").write_text("raise ImportError('not here')")
    missing = program(folder, "graph", "good.json", "-o", "graph.svg", PYTHONPATH=str(folder))
    assert (missing.returncode, missing.stdout) == (1, "")
    assert "pip install mermaidx, or" in missing.stderr


def test_a_report_that_cannot_be_written_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    stages = [
        Stage(name="read", type="source", callable="steps:numbers"),
        Stage(name="keep", type="sink", callable="steps:keep"),
    ]
    now = datetime.now(UTC)
    for place in (str(tmp_path / "file" / "report.json"), "nowhere://report.json"):
        job = PipelineJob(definition=PipelineDefinition(stages=stages, report=place))
        with caplog.at_level(logging.ERROR):
            write_report(job, Outcome(exit_code=0), started=now, ended=now)
        assert f"The report could not be written to {place}: " in caplog.text
