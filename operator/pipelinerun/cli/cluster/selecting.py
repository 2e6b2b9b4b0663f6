"""Which runs are shown, and in which order. Pure."""

from collections.abc import Collection, Sequence

from pipelinerun.cli.cluster.reading import Body, phase_of


def selected(runs: Sequence[Body], phases: Collection[str]) -> list[Body]:
    """Runs in these phases, in any if there are none; the newest first."""
    return sorted(
        (run for run in runs if not phases or phase_of(run) in phases),
        key=lambda run: (run["metadata"]["creationTimestamp"], run["metadata"]["name"]),
        reverse=True,
    )
