"""The dashboard for Grafana, from the list of its panels in ``dashboard.yaml``."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

Document = dict[str, Any]

PANELS = Path(__file__).with_name("dashboard.yaml")
_OPERATORS = 'namespace=~"$namespace", job=~"$job"'
"""What # stands for: the labels by which the operators are chosen."""
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_WIDTH, _HEIGHT, _COLUMNS = 8, 8, 3


def dashboard() -> str:
    """The dashboard as JSON."""
    panels = [*_panels(yaml.safe_load(PANELS.read_text()))]
    document = {
        "title": "PipelineRuns",
        "uid": "pipelinerun-operator",
        "tags": ["pipelinerun"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {
            "list": [
                {"name": "datasource", "type": "datasource", "query": "prometheus"},
                _variable("namespace", ""),
                _variable("job", 'namespace=~"$namespace"'),
            ]
        },
        "panels": [{"id": number, **panel} for number, panel in enumerate(panels, 1)],
    }
    return json.dumps(document, indent=1) + "\n"


def _panels(sections: dict[str, list[Document]]) -> Iterator[Document]:
    top = 0
    for title, section in sections.items():
        yield {"type": "row", "title": title, "gridPos": {"x": 0, "y": top, "w": 24, "h": 1}}
        for number, panel in enumerate(section):
            row, column = divmod(number, _COLUMNS)
            place = {"x": column * _WIDTH, "y": top + 1 + row * _HEIGHT}
            yield _panel(**panel, place=place | {"w": _WIDTH, "h": _HEIGHT})
        top += 1 + -(-len(section) // _COLUMNS) * _HEIGHT


def _panel(
    *,
    title: str,
    unit: str,
    queries: dict[str, str],
    place: Document,
    help: str = "",  # noqa: A002 - a key of the file
    stacked: bool = False,
) -> Document:
    custom: Document = {"fillOpacity": 10, "showPoints": "never"}
    if stacked:
        custom["stacking"] = {"mode": "normal", "group": "A"}
    return {
        "type": "timeseries",
        "title": title,
        "description": help,
        "datasource": _SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": unit, "min": 0, "custom": custom}, "overrides": []},
        "options": {"tooltip": {"mode": "multi", "sort": "desc"}},
        "targets": [*_targets(queries.items())],
    }


def _targets(queries: Iterable[tuple[str, str]]) -> Iterator[Document]:
    for letter, (legend, query) in zip("ABCDEFGH", queries, strict=False):
        expression = query.replace("#", _OPERATORS)
        yield {"refId": letter, "expr": expression, "legendFormat": legend, "datasource": _SOURCE}


def _variable(label: str, chosen_by: str) -> Document:
    query = f"label_values(pipelinerun_operator_leader{{{chosen_by}}}, {label})"
    return {
        "name": label,
        "label": label.capitalize(),
        "type": "query",
        "datasource": _SOURCE,
        "query": {"query": query, "refId": label},
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "current": {"text": ["All"], "value": ["$__all"]},
    }
