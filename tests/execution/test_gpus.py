"""GPUs, on a Ray that is told that it has one."""

import json
import subprocess
import sys
import tempfile

CODE = """
def same(row): return row
class Same:
    def __call__(self, row): return row
"""
SCRIPT = """
import json, sys
import ray
from pipelinerun.api.job import PipelineJob
from pipelinerun.engine.run import run_pipeline
ray.init(address="local", num_cpus=2, num_gpus=1, include_dashboard=False, log_to_driver=False,
         object_store_memory=200 * 1024**2, _temp_dir=sys.argv[1])
for line in sys.stdin:
    outcome = run_pipeline(PipelineJob.model_validate_json(line))
    message = outcome.failure.message if outcome.failure else ""
    print(json.dumps([outcome.exit_code, [it.rows_out for it in outcome.stages], message]))
"""


def job(*stages: dict[str, object]) -> str:
    read = {"name": "read", "type": "source", "callable": "ray.data:range", "config": {"n": 9}}
    drop = {"name": "drop", "type": "sink", "callable": "steps:same"}
    named = [{"name": f"s{index}", **stage} for index, stage in enumerate(stages)]
    definition = {"stages": [read, *named, drop]}
    return json.dumps({"definition": definition, "code": {"files": {"steps.py": CODE}}})


def test_stages_share_a_gpu_and_more_than_there_is_is_refused() -> None:
    half, whole = {"resources": {"gpus": 0.5}}, {"resources": {"gpus": 1}}
    batch = {"per": "Batch", "batchSize": 4}
    jobs = [
        job({"actor": "steps:Same", **half}, {"actor": "steps:Same", **half, **batch}),
        job({"callable": "steps:same", **whole}),
        job({"actor": "steps:Same", **half}, {"actor": "steps:Same", **whole}),
        job({"actor": "steps:Same", **half, "replicas": {"min": 3}}),
    ]
    # Unix sockets of Ray's session need a short path.
    with tempfile.TemporaryDirectory(prefix="pr-") as folder:
        ran = subprocess.run(
            [sys.executable, "-c", SCRIPT, folder],
            input="\n".join(jobs),
            capture_output=True,
            text=True,
            check=False,
        )
    found = [json.loads(line) for line in ran.stdout.splitlines()]
    assert len(found) == len(jobs), ran.stderr
    assert found[0] == [0, [9, 9, 9, 0], ""]
    assert found[1] == [0, [9, 9, 0], ""]
    for code, _, message in found[2:]:
        assert code == 2, message
    assert "together with the other classes it reserves 1.5 GPUs, of which" in found[2][2]
    assert "asks for 3 x 0.5 GPUs, of which Ray has 1" in found[3][2]
