"""The dashboard, as far as tests look at it."""

import json
from itertools import product
from typing import Any

from pipelinerun.api.metrics import LABELS
from tests.support.helm import CHART
from tests.support.promql import SERIES

_VARIABLES = {"$__rate_interval": "5m", "$namespace": "any", "$job": "any"}

DASHBOARD: dict[str, Any] = json.loads((CHART / "files" / "dashboard.json").read_text())
PANELS: dict[str, dict[str, Any]] = {
    it["title"]: it for it in DASHBOARD["panels"] if it["type"] != "row"
}


def _query(text: str) -> str:
    for name, value in _VARIABLES.items():
        text = text.replace(name, value)
    return text


QUERIES = {
    title: [_query(it["expr"]) for it in panel["targets"]] for title, panel in PANELS.items()
}
"""The queries of each panel, with something in the place of variables."""


def everything() -> list[dict[str, str]]:
    """Series with all values that their labels have, growing, for promtool."""
    found = []
    for name, metric in SERIES.items():
        chosen = [LABELS[label].values or ("any",) for label in metric.labels]
        bounds = ["1.0", "+Inf"] if name.endswith("_bucket") else [""]
        for *values, bound in product(*chosen, bounds):
            labels = {"namespace": "any", "job": "any", "pod": "any"}
            labels |= dict(zip(metric.labels, values, strict=True)) | {"le": bound}
            text = ", ".join(f'{key}="{value}"' for key, value in labels.items() if value)
            found.append({"series": f"{name}{{{text}}}", "values": "0+1x20"})
    return found
