"""kstatus, the library by which Flux and others judge objects; upstream's own, in Go."""

import json
import os
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.cluster import build
from tests.cluster.binaries import cache_folder

MODULE = Path(__file__).resolve().parents[1] / "kstatus"


class Kstatus:
    """The compiled program.

    Raises:
        tests.cluster.build.BuildError: it cannot be built; the message says what to do.
    """

    def __init__(self, folder: Path) -> None:
        self._program = folder / "kstatus"
        cache = cache_folder(os.environ)
        cache.mkdir(parents=True, exist_ok=True)
        go = build.find_go(cache) or build.install_go(cache)
        with build.progress("Building kstatus"):
            build.compile_module(go, MODULE, self._program)

    def of(self, documents: Iterable[Mapping[str, Any]]) -> list[str]:
        """The status of each object."""
        text = "\n".join(map(json.dumps, documents))
        done = subprocess.run(
            [self._program], input=text, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.split()
