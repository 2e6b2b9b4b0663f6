"""The demonstration: runs of both modes from ``kubectl apply`` to exit code and elapsed time.

Everything is its own and temporary: the cluster, the credentials, the operator and its Ray. No
cluster that a kubeconfig of the user's names is touched. A pod needs a node, and that needs root
on Linux; elsewhere mode InProcess is shown alone.
"""

import json
import shlex
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

from tests.cluster import binaries, image, requirements
from tests.cluster.build import BuildError
from tests.cluster.controlplane import ControlPlane
from tests.cluster.node import Cluster
from tests.support.operator import OperatorProcess
from tests.support.waiting import wait_for

ROOT = Path(__file__).resolve().parent.parent
IN_PROCESS = "examples/text/run.yaml"
IN_POD = "examples/hello-pod.yaml"
CRD = "crd/pipelineruns.pipelinerun.dev"
console = Console(highlight=False, soft_wrap=True)


class Demo:
    """Commands shown as they are typed, with what they print."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane

    def kubectl(self, command: str) -> None:
        """Show and run a kubectl command."""
        console.print(f"\n[bold green]$[/] [bold]kubectl {command}[/]")
        console.print(self._plane.kubectl(*shlex.split(command)).rstrip(), markup=False)

    def follow(self, name: str, operator: OperatorProcess) -> int:
        """Print a line for each change of the run until it is finished; returns its exit code."""
        told, started = "", time.monotonic()
        while True:
            operator.check_alive()
            status = self._plane.get("pipelinerun", name).get("status", {})
            line = _line(status)
            if line != told:
                console.print(f"  [dim]{time.monotonic() - started:5.1f} s[/]  [cyan]{line}[/]")
                told = line
            if "exitCode" in status:
                return int(status["exitCode"])
            time.sleep(0.1)


def _line(status: dict[str, Any]) -> str:
    phase, progress = status.get("phase", "Accepted"), status.get("progress", "")
    rows = sum(stage["rowsIn"] for stage in status.get("stages", []))
    conditions = {it["type"]: it["message"] for it in status.get("conditions", [])}
    why = conditions["Succeeded"] if phase == "Pending" else ""
    return f"{phase:<10} {progress:<5} {rows or '':>6}  {why}".rstrip()


def main() -> int:
    started = time.monotonic()
    try:
        plane = started_cluster()
    except BuildError as error:
        console.print(error, style="red")
        return 1
    try:
        with tempfile.TemporaryDirectory() as folder:
            exit_code = show(plane, Path(folder))
    finally:
        with step("Stopping the cluster"):
            plane.__exit__()
    console.print(
        f"\nDone in {time.monotonic() - started:.0f} s; nothing but out/text is left behind."
    )
    return exit_code


def started_cluster() -> ControlPlane:
    """A control plane, with a node where this machine can run one."""
    try:
        requirements.provide()
    except BuildError as error:
        console.print(f"Mode InProcess alone: {error}", style="yellow")
        with step("Starting kube-apiserver and etcd"):
            return ControlPlane().__enter__()
    binaries.provide()
    binaries.provide_node()
    layout = image.build()
    with step("Starting kube-apiserver, etcd, containerd and kubelet"):
        cluster = Cluster().__enter__()
    try:
        with step("Handing the image to the node"):
            image.load(cluster, layout)
    except BaseException:
        cluster.__exit__()
        raise
    return cluster


def show(plane: ControlPlane, folder: Path) -> int:
    demo = Demo(plane)
    demo.kubectl("apply -f crds")
    plane.wait_established(CRD)
    options = ["--in-process-namespace", "default", "--in-process-capacity", "1"]
    if isinstance(plane, Cluster):
        options += ["--worker-image", image.IMAGE]
    operator = OperatorProcess(plane.kubeconfig, folder / "operator.log", *options)
    operator.start()
    console.print("Starting the operator; the run waits until its Ray is there")
    try:
        exit_codes = [show_in_process(demo, plane, operator)]
        if isinstance(plane, Cluster):
            exit_codes.append(show_in_pod(demo, plane, operator))
        demo.kubectl("get pipelineruns -o wide")
        of_runs = "--field-selector=involvedObject.kind=PipelineRun"
        told = ("events", f"{of_runs},reason=Completed")
        wait_for(lambda: len(plane.get(*told)["items"]) == exit_codes.count(0))
        demo.kubectl(f"get events {of_runs} -o custom-columns=REASON:.reason,MESSAGE:.message")
    finally:
        with step("Stopping the operator"):
            operator.stop()
    return max(exit_codes)


def show_in_process(demo: Demo, plane: ControlPlane, operator: OperatorProcess) -> int:
    demo.kubectl(f"apply -f {IN_PROCESS}")
    console.print("\nFollowing the run: seconds, phase, stages, rows, why it waits")
    exit_code = demo.follow("text", operator)
    console.print("\n[bold green]$[/] [bold]kubectl get prun text -o jsonpath={.status}[/]")
    status = plane.get("pipelinerun", "text")["status"]
    kept = ("phase", "exitCode", "elapsedSeconds", "attempt", "progress", "worker", "stages")
    console.print_json(json.dumps({key: status[key] for key in kept}), indent=None)
    console.print(f"\nWhat it wrote to [bold]out/text[/]: {result()}")
    return exit_code


def show_in_pod(demo: Demo, plane: ControlPlane, operator: OperatorProcess) -> int:
    demo.kubectl(f"apply -f {IN_POD}")
    console.print("\nFollowing the run in its pod")
    exit_code = demo.follow("hello-pod", operator)
    pod = plane.get("pipelinerun", "hello-pod")["status"]["worker"]["pod"]
    demo.kubectl("get pods -l pipelinerun.dev/run=hello-pod")
    demo.kubectl(f"logs {pod}")
    return exit_code


def result() -> str:
    chunks = pd.read_parquet(ROOT / "out" / "text")
    words = chunks.groupby("document")["words"].sum()
    return ", ".join(f"{name} {count:,} words" for name, count in words.items())


class step:  # noqa: N801 - reads as a statement
    """A spinner with the time it took."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._status = console.status(text)
        self._started = time.monotonic()

    def __enter__(self) -> None:
        self._status.__enter__()

    def __exit__(self, *_: object) -> None:
        self._status.__exit__(None, None, None)
        console.print(f"{self._text}: {time.monotonic() - self._started:.1f} s")


if __name__ == "__main__":
    sys.exit(main())
