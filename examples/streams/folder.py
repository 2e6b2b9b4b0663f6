"""Files that come into a folder. A file counts as done when the sink has moved it away."""

import json
import time
from pathlib import Path

PAUSE = 0.1


def watch(folder, context):
    """A source: one row per file. Write files elsewhere, and rename them into the folder."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    seen = set()
    while not context.stopping:
        here = {path for path in Path(folder).iterdir() if path.is_file()}
        for path in sorted(here - seen):
            yield {"file": path.name, "text": path.read_text()}
        seen = here
        time.sleep(PAUSE)


class Keep:
    """A sink: writes the row, then moves the file into ``done``."""

    def __init__(self, folder, output):
        self.folder, self.done = Path(folder), Path(folder, "done")
        self.done.mkdir(parents=True, exist_ok=True)
        self.output = Path(output)
        self.output.parent.mkdir(parents=True, exist_ok=True)

    def __call__(self, row):
        with self.output.open("a") as lines:
            lines.write(json.dumps(row) + "\n")
        (self.folder / row["file"]).rename(self.done / row["file"])
