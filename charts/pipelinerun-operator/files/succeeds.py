"""``helm test``: create runs and wait for their ends; exit code 1 unless all of them succeed."""

import os
import sys
import time

from kubernetes import client, config

API = ("pipelinerun.dev", "v1alpha1", os.environ["NAMESPACE"], "pipelineruns")
TIMEOUT = 300
CODE = """
def numbers():
    yield from ({"n": n} for n in range(5))

def square(row):
    return {"n": row["n"] ** 2}

def show(row):
    print(row["n"])
"""


def run_of(mode: str) -> dict[str, object]:
    names = [("numbers", "source"), ("square", "stage"), ("show", "sink")]
    stages = [{"name": it, "type": kind, "callable": f"test:{it}"} for it, kind in names]
    return {
        "apiVersion": "pipelinerun.dev/v1alpha1",
        "kind": "PipelineRun",
        "metadata": {"generateName": f"helm-test-{mode.lower()}-"},
        "spec": {
            "mode": mode,
            "code": {"files": {"test.py": CODE}},
            "pipeline": {"name": "helm-test", "stages": stages},
        },
    }


def finished(runs: client.CustomObjectsApi, name: str) -> dict[str, object]:
    deadline = time.monotonic() + TIMEOUT
    while True:
        status = runs.get_namespaced_custom_object(*API, name).get("status", {})
        if "exitCode" in status or time.monotonic() > deadline:
            return dict(status)
        time.sleep(0.5)


def main() -> int:
    config.load_incluster_config()
    runs = client.CustomObjectsApi()
    failures = 0
    for mode in os.environ["MODES"].split():
        name = runs.create_namespaced_custom_object(*API, run_of(mode))["metadata"]["name"]
        status = finished(runs, name)
        sys.stdout.write(f"{mode}: {name}: {status.get('phase', 'not taken up')}\n")
        if status.get("phase") == "Succeeded":
            runs.delete_namespaced_custom_object(*API, name)
        else:
            sys.stdout.write(f"{status}\n")
            failures += 1
    return 1 if failures else 0


sys.exit(main())
