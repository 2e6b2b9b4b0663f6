"""The reference of the metrics, from their declarations."""

from collections.abc import Iterable

from pipelinerun.api.metrics import LABELS, OF_OPERATOR, OF_RUNS, OF_WORKER, Metric
from scripts.markdown import Row, codes, table

_HEAD: Row = ("Metric", "Type", "Labels", "Meaning")
_RUNS = """\
Of the operator that leads. Counted is what it has written to the statuses of runs, so that neither
a restart nor another operator counts anything twice. There is no label for the namespace: an
operator may watch all of them, and they come and go. Where runs are carried out in
[shards](../operating.md#sharding), each has metrics of its own.
"""
_OPERATOR = """\
Of each operator, whether it leads or stands by; besides those of its process
(`process_resident_memory_bytes` and others).
"""
_WORKERS = """\
Of a worker pod while it runs, at its port `metrics`. They end with the pod.
"""


def page() -> str:
    """The page without its note."""
    parts = ["# Metrics\n", "What to do with them: [Monitoring](../monitoring.md).\n"]
    sections = (("Runs", _RUNS, OF_RUNS), ("Operator", _OPERATOR, OF_OPERATOR))
    for title, text, metrics in (*sections, ("Workers", _WORKERS, OF_WORKER)):
        parts += [f"## {title}\n", text, table(_HEAD, map(_row, metrics))]
    labels = [(f"`{name}`", it.help, codes(filter(None, it.values))) for name, it in LABELS.items()]
    parts += ["## Labels\n", table(("Label", "Meaning", "Values"), labels)]
    return "\n".join(parts)


def _row(metric: Metric) -> Row:
    return f"`{metric.name}`", _type(metric), codes(metric.labels), metric.help


def _type(metric: Metric) -> str:
    return f"{metric.kind}, {_range(metric.buckets)}" if metric.buckets else metric.kind


def _range(bounds: Iterable[float]) -> str:
    first, *_, last = bounds
    return f"{first:g} to {last:g}"
