"""Pipeline files in the spelling of nv-ingest, on the command line."""

from pathlib import Path

import pytest
import yaml
from running import program

STEPS = """
class Numbers:
    def __init__(self, count): self.count = count
    def __call__(self): return [{"number": n} for n in range(self.count)]

class Double:
    def __call__(self, row): return {"number": 2 * row["number"]}

class Show:
    def __call__(self, row): print("row", row["number"])
"""
FILE = """
name: "Numbers: the default"
stages:
  - name: "numbers_source"
    type: "source"
    phase: 0
    actor: "steps:Numbers"
    config: {count: $COUNT|2}
    replicas: {cpu_count_min: 1, cpu_count_max: 1}
  - name: "double"
    phase: 1
    actor: "steps:Double"
    replicas:
      min_replicas: 0
      max_replicas: {strategy: "cpu_percentage", cpu_percent: 0.5}
    runs_after: ["numbers_source"]
  - name: "show"
    type: "sink"
    phase: 7
    actor: "steps:Show"
edges:
  - {from: "numbers_source", to: "double"}
  - {from: "double", to: "show"}
pipeline:
  dynamic_memory_threshold: $THRESHOLD|0.75
  launch_simple_broker: true
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "steps.py").write_text(STEPS)
    (tmp_path / "numbers.yaml").write_text(FILE)
    return tmp_path


def test_a_pipeline_file_becomes_a_manifest(folder: Path) -> None:
    converted = program(folder, "convert", "numbers.yaml", "-n", "data", COUNT="3")
    assert converted.returncode == 0
    manifest = yaml.safe_load(converted.stdout)
    assert manifest["metadata"] == {"name": "numbers-the-default", "namespace": "data"}
    pipeline = manifest["spec"]["pipeline"]
    assert pipeline["runtime"] == {"dynamicMemoryThreshold": 0.75}
    assert pipeline["stages"][0]["config"] == {"count": 3}
    assert pipeline["stages"][1]["replicas"] == {
        "min": 1,
        "maxBy": {"cpuPercentage": {"share": 0.5}},
    }
    told = converted.stderr.splitlines()
    assert all(line.startswith("warning: numbers.yaml: ") for line in told)
    assert told[-1].startswith("warning: numbers.yaml: the values of COUNT are in the manifest now")
    for place in ("name", "stages[1].replicas.min_replicas", "pipeline.launch_simple_broker"):
        assert any(line.startswith(f"warning: numbers.yaml: {place} ") for line in told)

    assert program(folder, "convert", "numbers.yaml", "-o", "run.yaml", "--name", "x").stdout == ""
    again = program(folder, "convert", "run.yaml")
    assert (again.stdout, again.stderr) == ((folder / "run.yaml").read_text(), "")
    assert program(folder, "validate", "run.yaml", "--imports").returncode == 0


def test_what_is_wrong_with_a_pipeline_file_is_told_in_its_own_words(folder: Path) -> None:
    (folder / "wrong.yaml").write_text(FILE.replace("min_replicas: 0", "cpu_count_min: 1"))
    converted = program(folder, "convert", "wrong.yaml")
    assert (converted.returncode, converted.stdout) == (2, "")
    assert "stages[1].replicas: cpu_count_min, cpu_count_max," in converted.stderr


def test_a_pipeline_file_runs_as_it_is(folder: Path) -> None:
    ran = program(folder, "run", "numbers.yaml")
    assert ran.returncode == 0, ran.stderr
    assert sorted(ran.stdout.split("\n")) == ["", "row 0", "row 2"]
    assert "warning: numbers.yaml: pipeline.launch_simple_broker is left out" in ran.stderr
