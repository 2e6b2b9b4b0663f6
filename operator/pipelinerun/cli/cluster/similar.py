"""What a user may have meant. Pure."""

from collections.abc import Sequence
from difflib import get_close_matches


def no_run(name: str, namespace: str, names: Sequence[str]) -> str:
    """What to say of a run that is not among ``names``."""
    close = get_close_matches(name, names)
    hint = f"; did you mean {' or '.join(close)}?" if close else ""
    return f"there is no PipelineRun {name!r} in namespace {namespace!r}{hint}"
