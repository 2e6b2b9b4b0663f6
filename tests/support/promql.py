"""Whether queries fit the metrics that there are, by what a parser of PromQL makes of them."""

from collections.abc import Iterable, Iterator

import promql_parser
from promql_parser import (
    AggModifierType,
    AggregateExpr,
    BinaryExpr,
    Call,
    Expr,
    Matcher,
    MatchOp,
    MatrixSelector,
    VectorSelector,
)

from pipelinerun.api.metrics import LABELS, OF_OPERATOR, OF_RUNS, OF_WORKER, Metric

TARGET = frozenset({"namespace", "pod", "container", "job", "instance", "endpoint"})
"""Labels that Prometheus adds, by where it has scraped."""
_OF_PROCESS = Metric("process_resident_memory_bytes", "gauge", "")
_METRICS = (*OF_RUNS, *OF_OPERATOR, *OF_WORKER, _OF_PROCESS)
_GROWING = frozenset({"rate", "irate", "increase"})


def _series() -> Iterator[tuple[str, Metric]]:
    for it in _METRICS:
        ends = ("_bucket", "_sum", "_count") if it.kind == "histogram" else ("",)
        yield from ((f"{it.name}{end}", it) for end in ends)


SERIES = dict(_series())
"""The metric of each name that a query may use."""


def used(query: str) -> set[str]:
    """Names of the series that a query needs."""
    return {*_selected(promql_parser.parse(query))}


def problems(query: str) -> list[str]:
    """What does not fit in a query."""
    return [*_problems(promql_parser.parse(query))]


def _problems(expression: Expr) -> Iterator[str]:
    for it in _all(expression):
        if isinstance(it, VectorSelector):
            yield from _of_selector(it)
        elif isinstance(it, Call) and it.func.name in _GROWING:
            yield from (f"{name} does not count" for name in _selected(it) if not _counts(name))
        elif isinstance(it, AggregateExpr):
            by = it.modifier.labels if it.modifier else []
            without = it.modifier is not None and it.modifier.type == AggModifierType.Without
            yield from _strangers([] if without else by, it.expr)
        elif isinstance(it, BinaryExpr) and it.modifier and it.modifier.matching:
            for side in (it.lhs, it.rhs):
                yield from _strangers(it.modifier.matching.labels, side)


def _of_selector(selector: VectorSelector) -> Iterator[str]:
    metric = SERIES.get(selector.name or "")
    if metric is None:
        yield f"there is no metric {selector.name}"
        return
    for matcher in selector.matchers.matchers:
        if matcher.name not in {*metric.labels, *TARGET}:
            yield f"{selector.name} has no label {matcher.name}"
        elif not _can_match(matcher):
            yield f"{matcher.name} is never {matcher.value}"


def _can_match(matcher: Matcher) -> bool:
    """Whether all that is named is there; what is chosen by patterns aside."""
    label = LABELS.get(matcher.name)
    if label is None or not label.values:
        return True
    exact = matcher.op in (MatchOp.Equal, MatchOp.NotEqual)
    named = [matcher.value] if exact else matcher.value.split("|")
    return set(named) <= {*label.values}


def _counts(name: str) -> bool:
    return name not in SERIES or SERIES[name].kind != "gauge"


def _strangers(labels: Iterable[str], expression: Expr) -> Iterator[str]:
    """Labels that nothing in an expression has."""
    known = {*TARGET}
    for name in _selected(expression):
        known |= {*SERIES[name].labels} if name in SERIES else set()
        known |= {"le"} if name.endswith("_bucket") else set()
    yield from (
        f"nothing has a label {label} to group by" for label in labels if label not in known
    )


def _selected(expression: Expr) -> list[str]:
    return [it.name or "" for it in _all(expression) if isinstance(it, VectorSelector)]


def _all(expression: Expr) -> list[Expr]:
    found: list[Expr] = []

    def note(it: Expr) -> bool:
        found.append(it)
        if isinstance(it, MatrixSelector):
            found.append(it.vector_selector)
        return True

    promql_parser.walk(expression, note)
    return found
