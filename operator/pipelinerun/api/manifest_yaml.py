"""YAML read as kubectl reads it, so that a manifest means the same here and in the cluster."""

import re
from typing import Any

import yaml

_MERGE = "tag:yaml.org,2002:merge"
_STRING = "tag:yaml.org,2002:str"
_DIGITS = list("-+.0123456789")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class ManifestLoader(yaml.SafeLoader):
    """No dates, no base 60, keys are text; what PyYAML lets pass and nobody else takes is refused.

    That is a key written twice, and half a character.

    Numbers are those of JSON and, as for kubectl, the other bases and ``.inf`` of YAML.
    """

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.composer.ComposerError(None, None, "a key must be text", key.start_mark)
            if key.tag == _MERGE:
                continue
            if key.value in seen:
                text = f"{key.value!r} is written twice"
                raise yaml.composer.ComposerError(None, None, text, key.start_mark)
            seen.add(key.value)
            key.tag = _STRING
        return node

    def construct_scalar(self, node: yaml.ScalarNode | yaml.MappingNode) -> Any:
        value = super().construct_scalar(node)
        if isinstance(value, str) and _LONE_SURROGATE.search(value):
            text = "half a character (a lone surrogate)"
            raise yaml.constructor.ConstructorError(None, None, text, node.start_mark)
        return value


def plain_scalar(text: str) -> Any:
    """What a text means that stands in a manifest without quotes."""
    loader = ManifestLoader("")
    tag = loader.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
    return text if tag == _MERGE else loader.construct_object(yaml.ScalarNode(tag, text))


_KEPT = {_MERGE, "tag:yaml.org,2002:bool", "tag:yaml.org,2002:null"}
ManifestLoader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if tag in _KEPT]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _name, _pattern in (
    ("int", r"[-+]?(?:0|0b[01]+|0o?[0-7]+|0x[0-9a-fA-F]+|[1-9][0-9_]*)"),
    ("float", r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[-+]?\.inf|\.nan"),
):
    ManifestLoader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_name}", re.compile(rf"(?:{_pattern})\Z"), _DIGITS
    )
