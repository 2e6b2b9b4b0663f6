"""From the start of a fresh container to the first row, next to a plain script in the same image.

The container's first process tells when it was started, and the first row what time it is then.
"""

import json
import re
import textwrap
from collections.abc import Iterator
from typing import Any

from benchmarks.node import NAMESPACE, node
from benchmarks.report import Row, compared
from pipelinerun.api.code import Code
from pipelinerun.api.definition import PipelineDefinition
from pipelinerun.api.job import PipelineJob, RunIdentity
from pipelinerun.controller.pods.template import pod_manifest
from tests.cluster.image import IMAGE
from tests.cluster.node import Cluster

ROUNDS = 7
STEPS = """
import os, time

told = False

def passed(batch):
    return batch

def first(row):
    global told
    if not told:
        told = True
        with open("/proc/1/stat") as stat:
            ticks = int(stat.read().rpartition(")")[2].split()[19])
        started = ticks / os.sysconf("SC_CLK_TCK")
        print(f"first row after {time.clock_gettime(time.CLOCK_BOOTTIME) - started:.2f} s")
    return row
"""
PLAIN = f"""
{STEPS}
import ray
ray.init()
import ray.data
ray.data.range(5).map_batches(passed).map(first).take_all()
"""
_FIRST_ROW = re.compile(r"first row after ([\d.]+) s")


def measure() -> Iterator[Row]:
    """Take turns between a worker's pod and the same pod with the script in place of the worker."""
    with node() as cluster:
        ours: list[float] = []
        plain: list[float] = []
        for turn in range(ROUNDS + 1):
            worker, script = _worker(turn), _script(turn)
            times = _first_row(cluster, worker), _first_row(cluster, script)
            if turn:  # the first turn reads the image from the disk
                ours.append(times[0])
                plain.append(times[1])
        yield compared(f"first row in a fresh container, median of {ROUNDS}", ours, plain)


def _worker(turn: int) -> dict[str, Any]:
    definition = PipelineDefinition.model_validate(
        {
            "stages": [
                {
                    "name": "read",
                    "type": "source",
                    "callable": "ray.data:range",
                    "config": {"n": 5},
                },
                {"name": "passed", "callable": "steps:passed", "per": "Batch"},
                {"name": "first", "callable": "steps:first"},
                {"name": "end", "type": "sink", "callable": "builtins:id"},
            ]
        }
    )
    job = PipelineJob(
        definition=definition,
        code=Code(files={"steps.py": STEPS}),
        run=RunIdentity(name="worker", namespace=NAMESPACE, uid=f"worker-{turn}"),
    )
    pod = pod_manifest(job, image=IMAGE, templates=[], grace=30)
    del pod["metadata"]["ownerReferences"]  # there is no such run
    return pod


def _script(turn: int) -> dict[str, Any]:
    pod = _worker(turn)
    pod["metadata"]["name"] = f"script-{turn}"
    (container,) = pod["spec"]["containers"]
    container["command"] = ["python", "-c", textwrap.dedent(PLAIN)]
    return pod


def _first_row(cluster: Cluster, pod: dict[str, Any]) -> float:
    name = pod["metadata"]["name"]
    cluster.kubectl("create", "-f", "-", stdin=json.dumps(pod))
    succeeded = "--for=jsonpath={.status.phase}=Succeeded"
    cluster.kubectl("wait", f"pod/{name}", succeeded, "--timeout=120s")
    log = cluster.kubectl("logs", name)
    cluster.kubectl("delete", "pod", name)
    found = _FIRST_ROW.search(log)
    assert found is not None, log
    return float(found[1])
