"""Merging one manifest over another, as ``kubectl patch`` does it for pods. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

_KEYS = {
    "containers": "name",
    "initContainers": "name",
    "ephemeralContainers": "name",
    "volumes": "name",
    "env": "name",
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
    "imagePullSecrets": "name",
    "hostAliases": "ip",
    "topologySpreadConstraints": "topologyKey",
    "ownerReferences": "uid",
}
"""Lists whose items are merged by a key; others are replaced."""
_ONE_OF = frozenset({"volumes", "env"})
"""Items that are of one kind among several: another kind replaces what there was."""


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """``over`` laid over ``base``: maps by field, lists of named things by name.

    A field that is null in ``over`` is taken away.
    """
    result = dict(base)
    for name, value in over.items():
        known = result.get(name)
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping) and isinstance(known, Mapping):
            result[name] = merged(known, value)
        elif name in _KEYS and known and _are_named(known, name) and _are_named(value, name):
            result[name] = _merged_list(name, known, value)
        else:
            result[name] = value
    return result


def _merged_list(name: str, base: Sequence[Any], over: Sequence[Any]) -> list[Any]:
    key = _KEYS[name]
    items = {item.get(key): item for item in base}
    for item in over:
        known = items.get(item.get(key))
        if known is None or (name in _ONE_OF and not (known.keys() & item.keys()) - {key}):
            items[item.get(key)] = item
        else:
            items[item.get(key)] = merged(known, item)
    return list(items.values())


def _are_named(value: Any, name: str) -> bool:
    """Whether items can be told apart; whatever else it is, the API server says what is wrong."""
    return isinstance(value, list) and all(
        isinstance(item, Mapping) and isinstance(item.get(_KEYS[name]), str) for item in value
    )
