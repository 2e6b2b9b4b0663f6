"""Comparing what a page says that a command prints with what it prints, times and names aside."""

import difflib
import re

_MEASURED = re.compile(
    r"\b\d{4}-\d\d-\d\d[T ][\d:.]+Z?"  # a time
    r"|\b(?:\d+(?:\.\d+)?(?:ms|[smhd]))+\b"  # an age
    r"|\b\d+(?:\.\d+)?(?= s\b)"  # seconds
    r"|\b\d+\.\d+\b"  # seconds, a rate
)
_GENERATED = re.compile(r"(?<=-)(?:[bcdfghjklmnpqrstvwxz2456789]{5}|[0-9a-f]{8})\b")
"""What Kubernetes, or the operator, ends a name with."""
_ANY_LINES, _ANY = "…\n", "…"


def difference(shown: str, printed: str, names: dict[str, str]) -> str | None:
    """What is different, or None.

    A line that is nothing but ``…`` stands for any lines, and ``…`` within one for anything there.
    ``names`` is what was generated so far: as shown, and as it is. What is new is added.
    """
    expected, found = _plain(shown), _plain(printed)
    match = re.fullmatch(_pattern(expected, names), found)
    if match is None:
        before, after = expected.splitlines(keepends=True), found.splitlines(keepends=True)
        return "".join(difflib.unified_diff(before, after, "shown", "printed"))
    names |= {key: match[f"name{number}"] for number, key in enumerate(_new(expected, names))}
    return None


def _plain(text: str) -> str:
    text = re.sub(r"[─━]{3,}", "───", _MEASURED.sub("0", text))
    return "".join(f"{' '.join(line.split())}\n" for line in text.splitlines())


def _pattern(expected: str, names: dict[str, str]) -> str:
    pattern = re.escape(expected).replace(re.escape(_ANY_LINES), "(?:.*\n)*?")
    pattern = pattern.replace(re.escape(_ANY), ".*")
    for known, name in names.items():
        pattern = pattern.replace(known, name)
    for number, key in enumerate(_new(expected, names)):
        pattern = pattern.replace(key, f"(?P<name{number}>{_GENERATED.pattern})", 1)
        pattern = pattern.replace(key, f"(?P=name{number})")
    return pattern


def _new(expected: str, names: dict[str, str]) -> list[str]:
    return [it for it in dict.fromkeys(_GENERATED.findall(expected)) if it not in names]
