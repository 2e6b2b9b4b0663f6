"""Code of in-process runs from ConfigMaps and repositories, and packages that come with them."""

import json
from pathlib import Path

import pytest

from tests.cluster.controlplane import ControlPlane
from tests.support.repositories import commit, served
from tests.support.runs import Document, Runs, in_phase, is_finished, manifest, reasons
from tests.support.waiting import wait_for
from tests.support.wheels import index

pytestmark = pytest.mark.usefixtures("operator")

LEAVE = "import sys\n\ndef leave(row):\n    sys.exit({code})\n"
WAIT = """
import time
from pathlib import Path

def wait(row, folder):
    Path(folder, "begun").touch()
    while not Path(folder, "go").exists():
        time.sleep(0.05)

def last():
    pass
"""


def provide(cluster: ControlPlane, name: str, **modules: str) -> None:
    document = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "default"},
        "data": {f"{module}.py": text for module, text in modules.items()},
    }
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(document))


def run(name: str, config_map: str, target: str, **config: str) -> Document:
    document = manifest(name, {"name": "work", "callable": target, "config": config})
    document["spec"]["code"]["configMap"] = config_map
    return document


def test_a_run_waits_for_its_config_map_and_takes_it_as_it_is(
    cluster: ControlPlane, runs: Runs
) -> None:
    cluster.kubectl("delete", "configmap", "versions", "--ignore-not-found")
    runs.apply(run("early", "versions", "version:leave"))
    status = runs.wait("early", in_phase("Pending"))
    assert reasons(status)["Succeeded"] == ("Unknown", "WaitingForCode")
    provide(cluster, "versions", version=LEAVE.format(code=11))
    assert runs.wait("early", is_finished)["exitCode"] == 11
    provide(cluster, "versions", version=LEAVE.format(code=12))
    assert runs.finish(run("late", "versions", "version:leave"))["exitCode"] == 12


def test_a_module_that_is_there_twice_is_refused(cluster: ControlPlane, runs: Runs) -> None:
    provide(cluster, "twice", steps="")
    status = runs.finish(run("twice", "twice", "steps:square"))
    failure = status["failure"]
    assert (status["exitCode"], failure["class"]) == (2, "Config")
    assert failure["message"] == "spec.code.configMap: steps.py is in code.files as well"
    assert not status.get("attempts")


def test_finally_stages_say_that_their_config_map_is_gone(
    cluster: ControlPlane, runs: Runs, tmp_path: Path
) -> None:
    provide(cluster, "fleeting", fleeting=WAIT)
    document = run("fleeting", "fleeting", "fleeting:wait", folder=str(tmp_path))
    document["spec"]["pipeline"]["finally"] = [{"name": "last", "callable": "fleeting:last"}]
    runs.apply(document)
    wait_for((tmp_path / "begun").exists)
    cluster.kubectl("delete", "configmap", "fleeting")
    (tmp_path / "go").touch()
    status = runs.wait("fleeting", is_finished)
    assert (status["phase"], status["exitCode"]) == ("Succeeded", 0)
    assert "There is no ConfigMap fleeting" in status["finally"]["failure"]["message"]
    wait_for(lambda: ("Warning", "FinallyFailed") in runs.events("fleeting"))


def test_the_status_says_which_commit_an_attempt_ran(runs: Runs, tmp_path: Path) -> None:
    made = commit(tmp_path, {"source/version.py": LEAVE.format(code=13)})
    document = manifest("committed", {"name": "work", "callable": "version:leave"})
    with served(tmp_path) as url:
        document["spec"]["code"]["git"] = {"url": url, "subdirectory": "source"}
        status = runs.finish(document)
    assert status["exitCode"] == 13, status
    assert [it["commit"] for it in status["attempts"]] == [made]


def test_runs_at_the_same_time_each_see_their_own_version_of_a_package(
    runs: Runs, tmp_path: Path
) -> None:
    options = index(tmp_path / "wheels", "1.0", "2.0")
    for number in (1, 2):
        target = {"name": "tell", "callable": "steps:tell"}
        document = manifest(f"packages-{number}", target)
        files = {"steps.py": TELL.format(folder=str(tmp_path), number=number)}
        document["spec"]["code"] = {"files": files, "pip": [*options, f"greeting=={number}.0"]}
        document["spec"]["pipeline"]["stages"] = [
            {"name": "numbers", "type": "source", "callable": "steps:numbers"},
            target,
            {"name": "end", "type": "sink", "callable": "steps:end"},
        ]
        runs.apply(document)
    for number in (1, 2):
        status = runs.wait(f"packages-{number}", is_finished)
        assert status["exitCode"] == 0, status
        told = (tmp_path / f"told-{number}").read_text()
        assert told == f"{number}.0 {number}.0"


TELL = """
import time
from pathlib import Path
import greeting

HERE = Path({folder!r})

def numbers():
    (HERE / "at-work-{number}").touch()
    while not all((HERE / f"at-work-{{it}}").exists() for it in (1, 2)):
        time.sleep(0.05)
    yield {{"source": greeting.VERSION}}

def tell(row):
    (HERE / "told-{number}").write_text(row["source"] + " " + greeting.VERSION)

def end(row):
    pass
"""
