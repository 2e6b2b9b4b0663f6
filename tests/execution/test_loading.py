"""What the first row waits for starts before anything is loaded that takes long."""

import subprocess
import sys

import pytest

SLOW = ("pydantic", "asyncio", "ray", "pyarrow", "pandas")


@pytest.mark.parametrize("module", ["pipelinerun.worker.__main__", "pipelinerun.execution.child"])
def test_little_is_loaded_before_the_child_and_before_ray(module: str) -> None:
    look = f"import sys, {module}; print([it for it in {SLOW} if it in sys.modules])"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
