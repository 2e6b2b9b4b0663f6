"""What Argo CD has to know of a PipelineRun, as a patch of its ConfigMap."""

from pathlib import Path
from typing import Any

import yaml

from pipelinerun.api.names import GROUP, KIND

ACTIONS = ("suspend", "resume", "drain", "terminate")


def config_map(folder: Path) -> str:
    """The patch of argocd-cm, made of the scripts in a folder."""
    actions = folder / "actions"
    customization = {
        "discovery.lua": (actions / "discovery.lua").read_text(),
        "definitions": [
            {"name": name, "action.lua": (actions / f"{name}.lua").read_text()} for name in ACTIONS
        ],
    }
    document = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "argocd-cm"},
        "data": {
            f"resource.customizations.health.{GROUP}_{KIND}": (folder / "health.lua").read_text(),
            f"resource.customizations.actions.{GROUP}_{KIND}": _dump(customization),
        },
    }
    return _dump(document)


class _Dumper(yaml.SafeDumper):
    """Text of several lines stands as a block, so that scripts can be read."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar(
        "tag:yaml.org,2002:str", text, style="|" if "\n" in text else None
    )


_Dumper.add_representer(str, _text)


def _dump(document: dict[str, Any]) -> str:
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=1000)
