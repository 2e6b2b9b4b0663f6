"""Names of runs as users give them. Pure."""

from collections.abc import Sequence
from difflib import get_close_matches

from pipelinerun.api.names import GROUP, PLURAL, SHORT_NAME, SINGULAR
from pipelinerun.cli.cluster.errors import ClusterError

_KINDS = {SINGULAR, PLURAL, SHORT_NAME}


def run_name(text: str) -> str:
    """The name of a run, given alone or as ``-o name`` prints it: ``TYPE/NAME``.

    Raises:
        ClusterError: it is something else's name, or none.
    """
    kind, separator, name = text.rpartition("/")
    if separator and kind.removesuffix(f".{GROUP}").lower() not in _KINDS:
        raise ClusterError(f"{text!r} is not a PipelineRun")
    if not name:
        raise ClusterError("a name of a run must not be empty")
    return name


def no_run(name: str, namespace: str, names: Sequence[str], elsewhere: Sequence[str] = ()) -> str:
    """What to say of a run that is not among ``names``.

    Args:
        name: that was asked for.
        namespace: where it was looked for.
        names: of the runs there.
        elsewhere: other namespaces with a run of that name.
    """
    said = f"there is no PipelineRun {name!r} in namespace {namespace!r}"
    if elsewhere:
        return f"{said}; there is one in {' and '.join(elsewhere)}: add -n {elsewhere[0]}"
    close = get_close_matches(name, names)
    return f"{said}; did you mean {' or '.join(close)}?" if close else said
