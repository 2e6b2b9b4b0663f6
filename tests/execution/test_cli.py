"""The command line as users start it. Each run starts a Ray of its own, which takes seconds."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import psutil
import pytest
import yaml
from running import TRACE, eventually, traced, workspaces_of
from terminal import CTRL_C, Terminal

from pipelinerun.api.crd import crd_yaml
from pipelinerun.api.status import PipelineRunStatus
from tests.support.definitions import Document, manifest

STEPS = """
import os, subprocess, sys, time
from pathlib import Path

def numbers(count):
    for number in range(count):
        yield {"number": number}

def endless(started):
    Path(started).touch()
    while True:
        time.sleep(0.1)
        yield {"number": 0}

def same(row):
    return row

def leave(row):
    sys.exit(7)

def show(dataset):
    for row in dataset.iter_rows():
        print("row", row["number"])
    subprocess.run(["echo", "grandchild"])
    os.write(1, b"written\\n")
    print("to stderr", file=sys.stderr)

def drop(row):
    pass

def loud(row):
    for number in range(5000):
        print("line", number)
        print("the same again")
    print("no end of line, \u2014", end="")
"""
CHATTY = """
print("loaded")

def same(row):
    return row
"""
OUTPUT = ["row 0", "row 1", "row 2", "grandchild", "written"]
PROGRAM = [sys.executable, "-m", "pipelinerun"]
IN_PROCESS = ["--in-process"]

pytestmark = pytest.mark.usefixtures("trace")


def stages(middle: str = "steps:same", sink: str = "show") -> list[Document]:
    return [
        {
            "name": "read",
            "type": "source",
            "callable": "steps:numbers",
            "config": {"count": "$(params.count)"},
        },
        {"name": "work", "callable": middle},
        {"name": "keep", "type": "sink", "callable": f"steps:{sink}"},
    ]


def finite(middle: str = "steps:same") -> Document:
    params = [{"name": "count", "type": "integer", "default": "1"}]
    return manifest({"pipeline": {"params": params, "stages": stages(middle)}})


ENDLESS = {"name": "read", "type": "source", "callable": "steps:endless"} | {
    "config": {"started": "started"}
}


def endless() -> Document:
    return manifest({"pipeline": {"stages": [ENDLESS, *stages(sink="drop")[1:]]}})


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where the user stands: the stages' module and manifests."""
    (tmp_path / "steps.py").write_text(STEPS)
    (tmp_path / "chatty.py").write_text(CHATTY)
    documents = {
        "good": finite(),
        "leave": finite("steps:leave"),
        "endless": endless(),
        "invalid": manifest({"pipeline": {"stages": [{"name": "x", "colour": "red"}]}}),
        "no-code": finite("chatty:missing"),
    }
    for name, document in documents.items():
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(document))
    (tmp_path / "two.yaml").write_text(yaml.safe_dump_all([documents["good"], documents["leave"]]))
    return tmp_path


def command(
    place: Path, *arguments: str, stdin: str = "", environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *arguments],
        cwd=place,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **(environment or {})},
    )


def status_in(text: str) -> PipelineRunStatus:
    return PipelineRunStatus.model_validate(json.loads(text))


# Runs


def test_stdout_is_the_pipelines_and_stderr_tells_the_rest_in_plain_lines(place: Path) -> None:
    color = {"FORCE_COLOR": "1"}
    ended = command(place, "run", "good.yaml", "-p", "count=3", environment=color)
    assert (ended.returncode, ended.stdout.splitlines()) == (0, OUTPUT)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", ended.stderr).splitlines()
    assert "\x1b" not in "".join(lines)
    assert lines[0] == "Starting Ray"
    assert {"to stderr", "keep: Succeeded, 3 rows in, 0 rows out, 0.0 s"} <= {*lines}
    assert re.fullmatch(r"Succeeded   exit code 0   \d+\.\d s", lines[-1])
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("mode", ["--in-process", "--subprocess"])
def test_all_that_a_stage_prints_comes_out_as_it_is(place: Path, mode: str) -> None:
    (place / "loud.yaml").write_text(yaml.safe_dump(finite("steps:loud")))
    ended = command(place, "run", "loud.yaml", mode)
    printed = [line for line in ended.stdout.splitlines() if line not in {*OUTPUT, ""}]
    lines = [line for number in range(5000) for line in (f"line {number}", "the same again")]
    assert ended.returncode == 0
    assert printed[:10_000] == lines
    assert "no end of line, \u2014" in "".join(printed[10_000:])


def test_in_process_the_status_alone_is_on_stdout_whoever_writes(place: Path) -> None:
    arguments = ["run", "-", *IN_PROCESS, "-o", "json", "-p", "count=3"]
    ended = command(place, *arguments, stdin=(place / "good.yaml").read_text())
    status = status_in(ended.stdout)
    assert (ended.returncode, status.phase, status.exit_code) == (0, "Succeeded", 0)
    assert status.progress == "3/3"
    assert [(it.name, it.rows_in, it.rows_out) for it in status.stages] == [
        ("read", 0, 3),
        ("work", 3, 3),
        ("keep", 3, 0),
    ]
    assert {*OUTPUT, "to stderr"} <= {*ended.stderr.splitlines()}


def test_the_exit_code_is_the_pipelines(place: Path) -> None:
    ended = command(place, "run", "leave.yaml", "-o", "yaml")
    status = PipelineRunStatus.model_validate(yaml.safe_load(ended.stdout))
    assert (ended.returncode, status.exit_code) == (7, 7)
    assert status.failure is not None
    assert (status.failure.class_, status.failure.stage) == ("User", "work")


def test_sigterm_ends_a_run_in_order(place: Path) -> None:
    with subprocess.Popen(
        [*PROGRAM, "run", "endless.yaml", "-o", "json"],
        cwd=place,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert eventually((place / "started").exists, seconds=120)
        process.terminate()
        process.terminate()
        written, _ = process.communicate()
    status = status_in(written)
    assert (process.returncode, status.exit_code) == (143, 143)
    assert status.failure is not None
    assert (status.failure.class_, status.failure.signal) == ("Cancelled", signal.SIGTERM)
    assert status.elapsed_seconds


@pytest.mark.parametrize("mode", [[], IN_PROCESS], ids=["subprocess", "in process"])
@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_in_a_terminal_ends_a_run_and_leaves_nothing(
    place: Path, trace: str, mode: list[str], times: int
) -> None:
    terminal = Terminal([*PROGRAM, "run", "endless.yaml", *mode], place, {TRACE: trace})
    assert eventually((place / "started").exists, seconds=120)
    assert eventually(lambda: re.search(r"read +Running", terminal.text))
    directories = workspaces_of(trace)
    for _ in range(times):
        terminal.type(CTRL_C)
        assert eventually(lambda: "press Ctrl-C again" in terminal.text)
    assert terminal.end() == 130
    lines = terminal.text.splitlines()
    assert any(re.fullmatch(r"Failed   exit code 130   \d+\.\d s", line) for line in lines)
    assert lines[-1].endswith("stopped by SIGINT")
    assert "Traceback" not in terminal.text
    assert directories
    assert eventually(lambda: not any(it.exists() for it in directories))
    assert eventually(lambda: not traced(trace))


def test_ctrl_c_while_ray_starts_leaves_nothing(place: Path, trace: str) -> None:
    terminal = Terminal([*PROGRAM, "run", "endless.yaml"], place, {TRACE: trace})
    assert eventually(lambda: "Starting Ray" in terminal.text)
    assert eventually(lambda: psutil.Process(terminal.process.pid).children())
    terminal.type(CTRL_C)
    assert terminal.end() == 130
    assert "exit code 130" in terminal.text
    assert eventually(lambda: not traced(trace))


# Manifests that cannot be run


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (
            ["invalid.yaml"],
            [
                "✗ invalid.yaml: 1 violation",
                "  spec.pipeline.stages[0].colour: unknown field",
            ],
        ),
        (
            ["good.yaml", "-p", "count=many", "-p", "size=1"],
            [
                "✗ good.yaml: 2 violations",
                "  spec.params: 'count' must be of type integer, not 'many'",
                "  spec.params: 'size' is neither declared nor used by the pipeline",
            ],
        ),
        (
            ["two.yaml"],
            ["✗ two.yaml: 1 violation", "  2 PipelineRuns in it; exactly one can be run"],
        ),
        (
            ["gone.yaml"],
            ["✗ gone.yaml: 1 violation", "  cannot be read: No such file or directory"],
        ),
        (["-"], ["✗ -: 1 violation", "  no document in it"]),
    ],
)
def test_what_is_wrong_with_a_manifest_is_listed(
    place: Path, arguments: list[str], lines: list[str]
) -> None:
    ended = command(place, "run", *arguments)
    assert (ended.returncode, ended.stdout, ended.stderr.splitlines()) == (2, "", lines)


def test_a_refused_manifest_has_a_status_too(place: Path) -> None:
    ended = command(place, "run", "invalid.yaml", "-o", "json")
    status = status_in(ended.stdout)
    assert (ended.returncode, status.phase, status.exit_code) == (2, "Failed", 2)
    assert status.failure is not None
    assert status.failure.class_ == "Config"


def test_every_file_is_validated(place: Path) -> None:
    ended = command(place, "validate", "good.yaml", "invalid.yaml", "two.yaml", "gone.yaml")
    assert ended.returncode == 2
    assert ended.stdout.splitlines() == [
        "✓ good.yaml: valid",
        "✗ invalid.yaml: 1 violation",
        "  spec.pipeline.stages[0].colour: unknown field",
        "✓ two.yaml: valid",
        "✗ gone.yaml: 1 violation",
        "  cannot be read: No such file or directory",
    ]


def test_code_is_loaded_only_on_request_and_what_it_prints_is_kept_from_stdout(
    place: Path,
) -> None:
    arguments = ["validate", "good.yaml", "no-code.yaml", "-o", "json"]
    assert command(place, *arguments).returncode == 0
    ended = command(place, *arguments, "--imports")
    assert (ended.returncode, ended.stderr) == (2, "loaded\n")
    assert json.loads(ended.stdout) == [
        {"file": "good.yaml", "valid": True, "violations": []},
        {
            "file": "no-code.yaml",
            "valid": False,
            "violations": [
                {
                    "path": "spec.pipeline.stages[1].callable",
                    "message": "'chatty' has no 'missing'",
                }
            ],
        },
    ]


def test_code_that_comes_with_the_run_is_found(place: Path) -> None:
    document = finite("steps:gift")
    document["spec"]["code"] = {"files": {"steps.py": f"{STEPS}\ndef gift(row): return row\n"}}
    text = yaml.safe_dump(document)
    assert command(place, "validate", "-", "--imports", stdin=text).returncode == 0


# The rest


@pytest.mark.parametrize("arguments", [["validate", "good.yaml"], ["crd"], ["--help"]])
def test_what_runs_nothing_loads_nothing_heavy(place: Path, arguments: list[str]) -> None:
    script = (
        "import sys\nfrom pipelinerun.cli.app import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        "print([it for it in ('ray', 'pyarrow', 'kopf', 'kubernetes') if it in sys.modules])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=place,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout.splitlines()[-1] == "[]"


def test_the_crd_is_printed_as_generated(place: Path) -> None:
    assert command(place, "crd").stdout == crd_yaml()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "good.yaml", "-p", "count"], "'count' is not NAME=VALUE"),
        (["run", "good.yaml", "--dynamic-memory-threshold", "2"], "less than or equal to 1"),
        (["operator", "--ray-object-store", "much"], "not a quantity of bytes"),
        (["operator", "--kubeconfig", "gone"], "there is no file 'gone'"),
        (["operator", "--kubeconfig", "good.yaml"], "Invalid kube-config file"),
        (["operator", "--in-process-capacity", "0"], "greater than or equal to 1"),
    ],
)
def test_mistakes_are_told_without_a_traceback(
    place: Path, arguments: list[str], message: str
) -> None:
    ended = command(place, *arguments, environment={"COLUMNS": "200"})
    assert (ended.returncode, ended.stdout) == (2, "")
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_terminal_without_the_characters_gets_others(place: Path) -> None:
    ended = command(place, "validate", "good.yaml", environment={"PYTHONIOENCODING": "ascii"})
    assert (ended.returncode, ended.stdout) == (0, "? good.yaml: valid\n")


@pytest.mark.parametrize("name", ["pipelinerun", "kubectl-pipelinerun"])
def test_the_console_scripts_tell_the_version(name: str) -> None:
    program = Path(sys.executable).with_name(name)
    ended = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", ended.stdout)
