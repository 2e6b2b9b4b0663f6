"""Commands about runs, as processes of their own on a real API server."""

import json
import re
from pathlib import Path

import pytest

from tests.cluster.controlplane import ControlPlane
from tests.support.cli import CommandLine
from tests.support.fault_proxy import FaultProxy, Faults
from tests.support.runs import Runs, in_phase, is_finished, manifest, stage
from tests.support.waiting import wait_for

pytestmark = pytest.mark.usefixtures("operator")

OF_RUNS = "pipelinerun.pipelinerun.dev"


@pytest.fixture(scope="module")
def cli(cluster: ControlPlane) -> CommandLine:
    """The command line."""
    return CommandLine(cluster)


def labelled(runs: Runs, name: str, label: str, namespace: str = "default") -> None:
    """A run that never starts, with a label by which a test finds its own."""
    document = manifest(name, namespace=namespace, suspend=True)
    document["metadata"]["labels"] = {"test": label}
    runs.apply(document)
    runs.wait(name, in_phase("Suspended"), namespace)


def test_runs_are_listed_by_namespace_label_and_phase(cli: CommandLine, runs: Runs) -> None:
    labelled(runs, "listed-a", "listed")
    labelled(runs, "listed-b", "listed", "other")
    header, row = cli.says("list", "-l", "test=listed").splitlines()
    assert header.split() == ["NAME", "PHASE", "EXIT", "ELAPSED", "STAGES", "AGE", "REASON"]
    assert row.split()[:2] == ["listed-a", "Suspended"]
    everywhere = cli.says("ls", "-A", "-l", "test=listed").splitlines()
    assert sorted(line.split()[:2] for line in everywhere) == [
        ["NAMESPACE", "NAME"],
        ["default", "listed-a"],
        ["other", "listed-b"],
    ]
    chosen = ("list", "-l", "test=listed", "--phase", "suspended", "-o", "name")
    assert cli.says(*chosen, "-n", "other") == f"{OF_RUNS}/listed-b"
    nothing = cli.run("list", "-l", "test=listed", "--phase", "Failed")
    assert (nothing.returncode, nothing.stdout) == (0, "")
    assert nothing.stderr == "No runs found in namespace default.\n"
    as_json = json.loads(cli.says("list", "-l", "test=listed", "-o", "json"))
    assert [it["metadata"]["name"] for it in as_json["items"]] == ["listed-a"]
    assert "managedFields" not in as_json["items"][0]["metadata"]
    assert "unknown-phase' is none of" in cli.complains("list", "--phase", "unknown-phase", code=2)


def test_connection_options_may_stand_before_the_command(cli: CommandLine, runs: Runs) -> None:
    labelled(runs, "before", "before", "other")
    assert cli.says("-n", "other", "get", "before", "-o", "name") == f"{OF_RUNS}/before"
    assert cli.says("get", f"{OF_RUNS}/before", "-n", "other", "-o", "name")


def test_a_run_is_shown_whole_or_in_short_and_never_with_control_characters(
    cli: CommandLine, runs: Runs
) -> None:
    runs.finish(manifest("shown-1", stage("square", "square")))
    whole = json.loads(cli.says("get", "shown-1", "-o", "json"))
    assert (whole["kind"], whole["status"]["exitCode"]) == ("PipelineRun", 0)
    drawn = cli.says("graph", "shown-1")
    assert drawn.startswith('---\ntitle: "shown-1 · exit code 0')
    assert "<b>square</b>" in drawn
    wide = cli.says("get", "shown-1", "-o", "wide")
    assert "Pipeline succeeded in" in wide
    for text in (wide, cli.says("describe", "shown-1"), cli.says("list", "-A")):
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text)


def test_a_run_is_held_let_go_and_ended(
    cli: CommandLine, runs: Runs, cluster: ControlPlane
) -> None:
    slow = stage("slow", "sleep", seconds=300)
    runs.apply(manifest("asked", slow, terminationGracePeriodSeconds=1))
    runs.wait("asked", in_phase("Running"))
    assert cli.says("suspend", "asked") == f"{OF_RUNS}/asked suspended"
    runs.wait("asked", in_phase("Suspended"))
    assert cli.says("suspend", "asked") == f"{OF_RUNS}/asked is suspended already"
    assert cli.says("resume", "asked") == f"{OF_RUNS}/asked resumed"
    assert cli.says("resume", "asked") == f"{OF_RUNS}/asked is not suspended"
    runs.wait("asked", in_phase("Running"))
    assert cli.says("cancel", "asked", "-o", "name") == f"{OF_RUNS}/asked"
    assert runs.wait("asked", is_finished)["phase"] == "Cancelled"
    assert cli.says("cancel", "asked") == f"{OF_RUNS}/asked is cancelled already"
    assert "run 'asked' is over and cannot be resumed" in cli.complains("resume", "asked")
    fields = cluster.get("prun", "asked", "--show-managed-fields")["metadata"]["managedFields"]
    (own,) = (it for it in fields if it["manager"] == "pipelinerun-cli")
    assert own["fieldsV1"] == {"f:spec": {"f:shutdown": {}, "f:suspend": {}}}


def test_what_cannot_be_done_to_one_run_is_told_and_done_to_the_others(
    cli: CommandLine, runs: Runs
) -> None:
    for name in ("gone-a", "gone-b"):
        labelled(runs, name, "gone")
    done = cli.run("delete", "gone-a", "gone-x", "gone-b")
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        f"{OF_RUNS}/{name} deleted" for name in ("gone-a", "gone-b")
    ]
    assert "there is no PipelineRun 'gone-x' in namespace 'default'" in done.stderr
    assert not runs.exists("gone-a")
    assert not runs.exists("gone-b")


def test_a_failing_run_is_submitted_waited_for_and_understood(
    cli: CommandLine, runs: Runs, tmp_path: Path
) -> None:
    document = manifest("understood", stage("check", "leave", code="$(params.code)"))
    document["spec"]["pipeline"]["params"] = [{"name": "code", "type": "integer"}]
    file = tmp_path / "run.json"
    file.write_text(json.dumps(document))
    done = cli.run("submit", str(file), "-p", "code=7", "--wait")
    assert done.returncode == 7
    created, ended = done.stdout.splitlines()
    assert created == f"{OF_RUNS}/understood created"
    assert ended.startswith(f"{OF_RUNS}/understood Failed, exit code 7, ")
    for part in (
        "Why it failed",
        "check",
        "sys.exit(7)",
        "pipelinerun retry understood -n default",
    ):
        assert part in done.stderr
    told = cli.says("describe", "understood")
    titles = [line for line in told.splitlines() if line and not line.startswith(" ")]
    assert titles[-6:] == [
        *("Stages", "Attempts", "Why it failed", "Conditions", "Last events", "What to do next"),
    ]
    assert re.search(r"\bPipelineFailed +7 ", told)
    waited = cli.run("wait", f"{OF_RUNS}/understood", "-o", "json")
    assert (waited.returncode, json.loads(waited.stdout)["status"]["exitCode"]) == (7, 7)
    again = cli.complains("submit", str(file), "-p", "code=7")
    assert "there is a run 'understood' in namespace 'default' already" in again
    assert "pipelinerun delete understood -n default" in again
    moved = cli.complains("submit", str(file), "-p", "code=7", "-n", "other")
    assert "the manifest is for namespace 'default'" in moved
    name = cli.says("submit", str(file), "-p", "code=3", "--name", "understood-2", "-o", "name")
    runs.wait("understood-2", is_finished)
    assert cli.run("wait", name).returncode == 3


def test_what_is_wrong_with_waiting_is_not_taken_for_the_runs_end(
    cli: CommandLine, runs: Runs, tmp_path: Path
) -> None:
    labelled(runs, "unended", "unended")
    late = cli.complains("wait", "unended", "--timeout", "1s", code=254)
    assert "Suspended: The run waits until spec.suspend is false" in late
    assert "to wait on: pipelinerun wait unended -n default" in late
    assert "did you mean unended?" in cli.complains("wait", "unendet", code=255)
    cli.complains("wait", code=255)
    assert "not a time" in cli.complains("wait", "unended", "--timeout", "soon", code=255)
    invalid = tmp_path / "invalid.yaml"
    invalid.write_text("stages: []")
    assert "1 violation" in cli.complains("submit", str(invalid), "--wait", code=2)


def test_the_end_is_heard_of_through_trouble_that_passes(
    cli: CommandLine, runs: Runs, cluster: ControlPlane, tmp_path: Path
) -> None:
    labelled(runs, "troubled", "troubled")
    with FaultProxy(cluster, tmp_path, Faults(), seed=1) as proxy:
        kubeconfig = f"--kubeconfig={proxy.kubeconfig_for('admin')}"
        with cli.started("wait", "troubled", kubeconfig) as waiting:
            assert waiting.stderr is not None
            assert "Suspended" in waiting.stderr.readline()
            wait_for(lambda: proxy.watches == 1)
            proxy.faults = Faults(throttled=1.0, dropped=1.0)
            runs.change("troubled", suspend=False)
            assert "cannot be reached" in waiting.stderr.readline()
            while "trouble (429)" not in (line := waiting.stderr.readline()):
                assert line, "it ended before"
            proxy.faults = Faults()
        assert waiting.returncode == 0


def test_a_run_that_is_deleted_while_it_is_waited_for_is_told(cli: CommandLine, runs: Runs) -> None:
    labelled(runs, "vanishing", "vanishing")
    with cli.started("wait", "vanishing") as waiting:
        assert waiting.stderr is not None
        assert "Suspended" in waiting.stderr.readline()
        runs.delete("vanishing")
        assert "was deleted meanwhile" in waiting.stderr.read()
    assert waiting.returncode == 255


def test_names_are_completed_from_the_cluster(cli: CommandLine, runs: Runs) -> None:
    labelled(runs, "completed-a", "completed")
    runs.finish(manifest("completed-b"))

    def offered(*words: str) -> list[str]:
        done = cli.run(*words, program="kubectl_complete-pipelinerun")
        assert (done.returncode, done.stderr) == (0, "")
        *lines, directive = done.stdout.splitlines()
        assert directive == ":4"
        return sorted(line.split("\t")[0] for line in lines if line)

    assert offered("descr") == ["describe"]
    assert offered("describe", "completed-") == ["completed-a", "completed-b"]
    assert offered("resume", "completed-") == ["completed-a"]
    assert offered("retry", "completed-") == ["completed-b"]
    assert offered("-n", "other", "describe", "completed-") == []
    assert offered("describe", "-n", "oth") == ["other"]
    assert offered("list", "--context", "pipe") == ["pipelinerun-test"]
    assert offered("describe", "--kubeconfig", "nowhere", "completed-") == []


def test_the_shell_and_kubectl_find_program_and_completion(cli: CommandLine, runs: Runs) -> None:
    labelled(runs, "plugged-in", "plugged")
    in_bash = cli.shell(
        "source <(pipelinerun completion bash); COMP_WORDS=(pipelinerun resume plug); COMP_CWORD=2;"
        " _pipelinerun_completion pipelinerun; echo ${COMPREPLY[@]}"
    )
    assert in_bash == "plugged-in"
    assert "kubectl pipelinerun resume plugged-in" in cli.shell(
        "kubectl pipelinerun describe plugged-in -n default"
    )
    completed = cli.shell("kubectl __complete pipelinerun describe plug 2>/dev/null")
    assert completed.splitlines() == ["plugged-in\tSuspended", ":4"]


def test_errors_say_what_to_do_next(
    cli: CommandLine, runs: Runs, cluster: ControlPlane, tmp_path: Path
) -> None:
    labelled(runs, "elsewhere", "elsewhere", "other")
    assert "there is one in other: add -n other" in cli.complains("get", "elsewhere")
    assert "kubectl auth can-i --list" in cli.complains("list", user="user")
    assert "there are: pipelinerun-test" in cli.complains("list", "--context", "unknown")
    unreachable = tmp_path / "unreachable"
    text = cluster.kubeconfig.read_text()
    unreachable.write_text(text.replace(cluster.url, "https://127.0.0.1:9"))
    assert "kubectl config view --minify" in cli.complains("list", f"--kubeconfig={unreachable}")
    strange = tmp_path / "strange"
    strange.write_text(re.sub("token: .*", "token: strange", text))
    assert "log in again" in cli.complains("list", "--kubeconfig", str(strange))
    nowhere = {"KUBECONFIG": str(tmp_path / "nowhere")}
    done = cli.run("list", environment=nowhere)
    assert (done.returncode, f"KUBECONFIG names {tmp_path}" in done.stderr) == (1, True)
