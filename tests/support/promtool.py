"""promtool, Prometheus' own tool, on rules and on what is scraped."""

import subprocess
from pathlib import Path

from tests.cluster.binaries import provide_promtool


def promtool(*arguments: str | Path, given: str = "") -> str:
    """Run promtool and return what it says; it has to be content."""
    done = subprocess.run(
        [provide_promtool(), *arguments], input=given, capture_output=True, text=True, check=False
    )
    said = f"{done.stdout}{done.stderr}"
    assert done.returncode == 0, said
    return said
