"""Stages of the text example: documents become chunks of words with counts."""

from collections import Counter
from pathlib import Path


def read(folder):
    """A source: one row per file."""
    for path in sorted(Path(folder).glob("*.txt")):
        yield {"document": path.stem, "text": path.read_text(encoding="utf-8", errors="replace")}


def clean(row):
    """Lower-case letters and apostrophes; everything else separates words."""
    letters = (c if c.isalpha() or c == "'" else " " for c in row["text"].lower())
    return {**row, "text": " ".join("".join(letters).split())}


def split(row, words):
    """One row per chunk of so many words."""
    every = row["text"].split()
    for number, start in enumerate(range(0, len(every), words)):
        chunk = every[start : start + words]
        yield {"document": row["document"], "chunk": number, "text": " ".join(chunk)}


class Count:
    """A stage with state: common words are set up once per replica."""

    def __init__(self, common):
        self.common = frozenset(common)

    def __call__(self, row):
        counts = Counter(word for word in row["text"].split() if word not in self.common)
        top = counts.most_common(1)[0][0] if counts else None
        return {**row, "words": len(row["text"].split()), "top_word": top}
