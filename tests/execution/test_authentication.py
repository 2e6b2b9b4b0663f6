"""A Ray of ours answers only those who know its token."""

import json
import subprocess
import sys

SCRIPT = """
import json, os, subprocess, sys, ray
from pipelinerun.engine.session import local_ray
from pipelinerun.execution.workspace import Workspace

KNOCK = "import sys; from ray._raylet import GcsClient; " \\
    "print(len(GcsClient(address=sys.argv[1]).get_all_node_info(timeout=60)))"

def knock(**variables):
    environment = os.environ | variables
    address = ray.get_runtime_context().gcs_address
    command = [sys.executable, "-c", KNOCK, address]
    return subprocess.run(command, env=environment, capture_output=True, text=True)

found = []
before = dict(os.environ)
for _ in range(2):
    with Workspace() as workspace, local_ray(workspace.path, num_cpus=1):
        token = os.environ["RAY_AUTH_TOKEN"]
        tries = [knock(), knock(RAY_AUTH_MODE="disabled"), knock(RAY_AUTH_TOKEN=token[::-1])]
        refused = ["AuthenticationError" in it.stderr for it in tries]
        found.append({"token": token, "answer": tries[0].stdout, "refused": refused})
left = {name for name in os.environ if name.startswith("RAY_AUTH")} - set(before)
print(json.dumps({"found": found, "left": [*left]}))
"""


def test_a_ray_answers_only_those_who_know_its_token() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True
    )
    told = json.loads(done.stdout.splitlines()[-1])
    first, second = told["found"]
    for it in (first, second):
        assert it["refused"] == [False, True, True]
        assert it["answer"].strip() == "1"
    assert first["token"] != second["token"]
    assert told["left"] == []
