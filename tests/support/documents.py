"""Questions to the index that the document example writes, and where their answers are."""

import os
import subprocess
import sys
from pathlib import Path

QUERY = Path("examples/documents/query.py")
QUESTIONS = {
    "What do I do about a puncture?": "bicycle-repair.txt",
    "How can I protect my savings from rising prices?": "compound-interest.txt",
    "Why is high tide later every day?": "tides.pdf",
    "How do bees tell each other where flowers are?": "honeybees.pdf",
    "How do I bake an airy loaf without kneading?": "sourdough.pdf",
    "What settings blur the background of a portrait?": "photography.pdf",
    "How does data find its way between networks?": "internet-routing.txt",
    "Can an eruption be predicted?": "volcanoes.txt",
}


def answers(index: Path) -> dict[str, str]:
    """The document that is found first for each question, as the script's users read it."""
    done = subprocess.run(
        [sys.executable, str(QUERY), str(index), *QUESTIONS],
        env={**os.environ, "COLUMNS": "250"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    tables = done.stdout.split("┡")[1:]
    best = [table.splitlines()[1].split("│")[1].strip() for table in tables]
    return dict(zip(QUESTIONS, best, strict=True))
