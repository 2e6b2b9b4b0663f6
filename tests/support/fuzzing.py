"""Manifests by the thousand: good ones, and good ones with something wrong; the same for a seed.

What there is to be generated comes from the schema of the CRD, so that new fields are tried too.
"""

import copy
import random
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from pipelinerun.api.crd import crd

Document = dict[str, Any]
Schema = dict[str, Any]
Place = tuple[Any, Any]
"""A container and the key or index of something in it."""

STEPS = """
def numbers(**_):
    return [{"n": 1}]

def same(row, **_):
    return row

def drop(row, **_):
    return None
"""
_CALLABLES = ("steps:same", "steps:same", "steps:same", "nowhere:nothing", "steps:missing")
_ODD_TEXTS = (
    *(
        "",
        " ",
        "a b",
        "-a",
        "a-",
        ".",
        "..",
        "a/b",
        "A",
        "ä",
        "名前",
        "🙂",
        "\u202eevil",
        "a\u0000b",
    ),
    *(
        "\ud800",
        "a\nb",
        "a" * 64,
        "a" * 254,
        "x" * 5000,
        "$(params.a)",
        "$$(params.a)",
        "$(params.",
    ),
    *("${HOME}", "{{ x }}", "null", "true", "0", "1e3", "%s%n", "'; --", "\\", '"'),
)
_ODD_NUMBERS = (
    *(0, -1, 1, 2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63) - 1, 10**30),
    *(0.5, -0.0, 1e-320, 1e308, 1.0, 1e3),
)
_ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, [], {}, [[]], [None], {"": None}, {"a": {"b": {}}}, [1, "a", None]),
    *_ODD_TEXTS,
    *_ODD_NUMBERS,
)
_CONTAINER_ODDITIES: tuple[Any, ...] = (
    *(
        {},
        {"name": "pipeline"},
        {"name": None},
        {"name": 5},
        {"name": "other"},
        "pipeline",
        None,
        5,
    ),
    *({"name": "pipeline", "image": 5}, {"name": "pipeline", "image": "Not An Image"}),
    *({"name": "pipeline", "env": "A=b"}, {"name": "pipeline", "env": [{"name": "A", "value": 5}]}),
    *({"name": "pipeline", "env": [None]}, {"name": "pipeline", "env": [{}]}),
    *({"name": "pipeline", "resources": "much"}, {"name": "pipeline", "resources": None}),
    *({"name": "pipeline", "resources": {"limits": {"memory": "much"}}},),
    *({"name": "pipeline", "resources": {"limits": {"memory": 5}}},),
    *({"name": "pipeline", "resources": {"limits": None}},),
    *({"name": "pipeline", "resources": {"limits": "1Gi"}},),
    *({"name": "pipeline", "volumeMounts": None}, {"name": "pipeline", "ports": "80"}),
    *({"name": "pipeline", "volumeMounts": [{"mountPath": "/tmp"}, {"mountPath": "/tmp"}]},),
    *({"name": "pipeline", "securityContext": {"privileged": True}},),
    *({"name": "pipeline", "command": []}, {"name": "pipeline", "colour": "red"}),
)
_POD_ODDITIES: tuple[tuple[str, Any], ...] = (
    *(("containers", None), ("containers", "none"), ("containers", {}), ("containers", [])),
    *(("containers", 5), ("volumes", None), ("volumes", "all"), ("volumes", [None])),
    *(("volumes", [{"name": "tmp"}]), ("volumes", [{"name": "tmp", "emptyDir": None}])),
    *(("volumes", [{"name": "shared-memory", "emptyDir": 5}]), ("volumes", [{"emptyDir": {}}])),
    *(("volumes", [{"name": "shared-memory", "emptyDir": {"sizeLimit": "much"}}]),),
    *(("volumes", [{"name": "tmp", "hostPath": {"path": "/"}}]), ("volumes", {"name": "tmp"})),
    *(("restartPolicy", "Always"), ("restartPolicy", None), ("restartPolicy", 5)),
    *(("nodeSelector", "moon"), ("nodeSelector", {"a": 5}), ("tolerations", [None])),
    *(("securityContext", None), ("securityContext", "none"), ("hostNetwork", "yes")),
    *(("serviceAccountName", 5), ("activeDeadlineSeconds", -1), ("activeDeadlineSeconds", "soon")),
    *(("terminationGracePeriodSeconds", -1), ("terminationGracePeriodSeconds", "soon")),
    *(("initContainers", [{}]), ("initContainers", [{"name": "pipeline", "image": "a"}])),
    *(("colour", "red"), ("", ""), ("schedulingGates", [{"name": "later"}]), ("hostUsers", 5)),
    *(("priorityClassName", "nobody-knows-it"), ("imagePullSecrets", [5]), ("dnsPolicy", "Mine")),
)


@dataclass(frozen=True)
class Case:
    """One manifest.

    Attributes:
        family: how it was made.
        document: the manifest.
    """

    family: str
    document: Document


class Fuzzer:
    """Makes manifests from a seed."""

    def __init__(self, seed: int, namespace: str) -> None:
        self._dice = random.Random(seed)
        self._namespace = namespace
        (version,) = crd()["spec"]["versions"]
        self._spec: Schema = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
        self._families: dict[str, tuple[int, Callable[[Document], None]]] = {
            "good": (20, self._decorate),
            "by the schema": (15, self._by_schema),
            "one thing wrong": (35, lambda run: self._spoil(run, 1)),
            "much wrong": (10, lambda run: self._spoil(run, 4)),
            "edges": (8, self._tangle),
            "pod template": (7, self._odd_pod),
            "sizes": (1, self._huge),
            "metadata": (3, self._odd_metadata),
        }

    def cases(self, count: int) -> Iterator[Case]:
        """Manifests, each with a name of its own."""
        names = list(self._families)
        weights = [weight for weight, _ in self._families.values()]
        for number in range(count):
            (family,) = self._dice.choices(names, weights)
            document = self._good(f"fuzz-{number}")
            self._families[family][1](document)
            yield Case(family, document)

    def _good(self, name: str) -> Document:
        count = self._dice.randint(0, 4)
        middle = [
            self._stage(f"s{n}", "stage", self._dice.choice(_CALLABLES)) for n in range(count)
        ]
        stages = [
            self._stage("first", "source", "steps:numbers"),
            *middle,
            self._stage("last", "sink", "steps:drop"),
        ]
        spec: Document = {
            "mode": self._dice.choices(("Subprocess", "InProcess"), (9, 1))[0],
            "pipeline": {"stages": stages},
            "code": {"files": {"steps.py": STEPS}},
            "retries": {"limit": 0, "infrastructureLimit": 0},
        }
        if self._maybe():
            ordered = [stage["name"] for stage in stages]
            edges = pairwise(ordered)
            spec["pipeline"]["edges"] = [{"from": a, "to": b} for a, b in edges]
        return {
            "apiVersion": "pipelinerun.dev/v1alpha1",
            "kind": "PipelineRun",
            "metadata": {"name": name, "namespace": self._namespace},
            "spec": spec,
        }

    def _stage(self, name: str, kind: str, callable_: str) -> Document:
        return {"name": name, "type": kind, "callable": callable_}

    def _decorate(self, run: Document) -> None:
        """Give it optional fields by the schema, which may go together."""
        self._add_fields(run["spec"], self._spec, 0.15)
        schema = self._spec["properties"]["pipeline"]["properties"]["stages"]["items"]
        for stage in run["spec"]["pipeline"]["stages"][1:-1]:
            self._add_fields(stage, schema, 0.1)
            stage.pop("actor", None)
            if stage.keys() & {"batchSize", "batchFormat"}:
                stage["per"] = "Batch"

    def _add_fields(self, value: Document, schema: Schema, share: float) -> None:
        for name, field in schema["properties"].items():
            if name not in value and self._dice.random() < share:
                value[name] = self._conforming(field)

    def _by_schema(self, run: Document) -> None:
        """A spec of which nothing is known but its schema."""
        run["spec"] = self._conforming(self._spec)

    def _spoil(self, run: Document, most: int) -> None:
        self._decorate(run)
        for _ in range(self._dice.randint(1, most)):
            if "spec" not in run:
                return
            places = list(_places(run["spec"], (run, "spec")))
            container, key = self._dice.choice(places)
            self._dice.choice(
                (
                    self._replace,
                    self._replace,
                    self._drop,
                    self._add_unknown,
                    self._repeat,
                    self._rename,
                    self._swap,
                )
            )(container, key)

    def _replace(self, container: Any, key: Any) -> None:
        container[key] = copy.deepcopy(self._dice.choice(_ODD_VALUES))

    def _drop(self, container: Any, key: Any) -> None:
        del container[key]

    def _add_unknown(self, container: Any, key: Any) -> None:
        value = container[key]
        if isinstance(value, dict):
            value[self._word()] = copy.deepcopy(self._dice.choice(_ODD_VALUES))
        elif isinstance(value, list):
            value.append(copy.deepcopy(self._dice.choice(_ODD_VALUES)))
        else:
            container[key] = {self._word(): value}

    def _repeat(self, container: Any, key: Any) -> None:
        value = container[key]
        if isinstance(value, list) and value:
            value += [copy.deepcopy(self._dice.choice(value))] * self._dice.choice((1, 2, 70, 600))
        elif isinstance(value, str):
            container[key] = value * self._dice.choice((2, 100))
        elif isinstance(value, int | float):
            container[key] = max(-1e300, min(value * self._dice.choice((-1, 1000, 10**9)), 1e300))

    def _rename(self, container: Any, key: Any) -> None:
        if isinstance(container, dict):
            container[self._dice.choice((key.upper(), f"{key}s", self._word()))] = container.pop(
                key
            )

    def _swap(self, container: Any, key: Any) -> None:
        keys = list(container) if isinstance(container, dict) else range(len(container))
        other = self._dice.choice(keys)
        container[key], container[other] = container[other], container[key]

    def _tangle(self, run: Document) -> None:
        """Edges at random: cycles, forks, stages that nothing reaches, names that nobody has."""
        stages = run["spec"]["pipeline"]["stages"]
        names = [stage["name"] for stage in stages] + ["nobody"] * self._maybe()
        run["spec"]["pipeline"]["edges"] = [
            {"from": self._dice.choice(names), "to": self._dice.choice(names)}
            for _ in range(self._dice.randint(0, 2 * len(names)))
        ]
        for stage in stages:
            if self._dice.random() < 0.2:
                stage["type"] = self._dice.choice(("source", "stage", "sink"))
            if self._dice.random() < 0.2:
                stage["runsAfter"] = [self._dice.choice(names)]
            if self._dice.random() < 0.2:
                stage["phase"] = self._dice.randint(0, 5)
            if self._dice.random() < 0.1:
                stage["enabled"] = False

    def _odd_pod(self, run: Document) -> None:
        run["spec"]["mode"] = "Subprocess"
        spec: Document = {}
        for _ in range(self._dice.randint(1, 2)):
            if self._maybe():
                spec["containers"] = [copy.deepcopy(self._dice.choice(_CONTAINER_ODDITIES))]
            else:
                key, value = self._dice.choice(_POD_ODDITIES)
                spec[key] = copy.deepcopy(value)
        template: Document = {"spec": spec}
        if self._maybe():
            labels = {self._word(): self._word() for _ in range(self._dice.randint(0, 3))}
            template["metadata"] = {"labels": labels, "annotations": {self._word(): "x" * 1000}}
        run["spec"]["podTemplate"] = template

    def _huge(self, run: Document) -> None:
        pipeline = run["spec"]["pipeline"]
        match self._dice.randint(0, 3):
            case 0:
                pipeline["stages"][1:1] = [
                    self._stage(f"m{n}", "stage", "steps:same")
                    for n in range(self._dice.choice((100, 490, 600)))
                ]
                pipeline.pop("edges", None)
            case 1:
                size = self._dice.choice((100_000, 520_000, 700_000, 1_600_000, 3_200_000))
                letters = self._dice.choices(string.printable, k=1000)
                run["spec"]["code"]["files"]["steps.py"] += "#" + "".join(letters) * (size // 1000)
            case 2:
                deep: Document = {}
                for _ in range(self._dice.choice((10, 50, 120))):
                    deep = {"a": deep}
                pipeline["stages"][0]["config"] = deep
            case 3:
                wide = {f"k{n}": n for n in range(self._dice.choice((100, 5000)))}
                pipeline["stages"][0]["config"] = wide

    def _odd_metadata(self, run: Document) -> None:
        metadata = run["metadata"]
        match self._dice.randint(0, 3):
            case 0:
                metadata["name"] = self._dice.choice((*_ODD_TEXTS, None, 5, [], "a" * 253))
            case 1:
                metadata["labels"] = {self._word(): self._dice.choice(_ODD_VALUES)}
            case 2:
                metadata["annotations"] = {self._word(): self._dice.choice(_ODD_VALUES)}
            case 3:
                metadata["finalizers"] = [self._word()]

    def _conforming(self, schema: Schema) -> Any:
        """A value that fits a schema, if not all the rules between fields."""
        if "enum" in schema:
            return self._dice.choice(schema["enum"])
        match schema.get("type"):
            case "object":
                return self._conforming_object(schema)
            case "array":
                least, most = schema.get("minItems", 0), min(schema.get("maxItems", 3), 4)
                count = self._dice.randint(least, most)
                return [self._conforming(schema["items"]) for _ in range(count)]
            case "string":
                return self._text(schema)
            case "integer" | "number" as kind:
                return self._number(schema, whole=kind == "integer")
            case "boolean":
                return self._maybe()
        return self._dice.choice((1, "a", True))

    def _conforming_object(self, schema: Schema) -> Document:
        if "additionalProperties" in schema:
            count = self._dice.randint(0, 3)
            values = schema["additionalProperties"]
            return {self._word(): self._conforming(values) for _ in range(count)}
        if "properties" not in schema:
            return {self._word(): self._dice.choice((1, "a", None, [1], {"a": 1}))}
        return {
            name: self._conforming(field)
            for name, field in schema["properties"].items()
            if name in schema.get("required", ()) or self._dice.random() < 0.3
        }

    def _text(self, schema: Schema) -> str:
        pattern = schema.get("pattern", "")
        if "Ki" in pattern:
            return self._dice.choice(("512Mi", "0", "1.5Gi", "99999999999999999999T"))
        if ":" in pattern:
            return self._dice.choice(("steps:same", "steps:numbers", "a.b.c:D.e", "_:_"))
        if pattern:
            return self._dice.choice(("first", "s0", "s1", "last", "a", "A.b-c_d", "a" * 63))
        return self._dice.choice(_ODD_TEXTS)[: schema.get("maxLength", 10**6)]

    def _number(self, schema: Schema, *, whole: bool) -> float:
        least, most = schema.get("minimum", -(2**40)), schema.get("maximum", 2**40)
        choices: list[float] = [least, most, self._dice.randint(int(least), int(most))]
        if not whole:
            choices.append(self._dice.uniform(least, most))
        return self._dice.choice(choices)

    def _word(self) -> str:
        return self._dice.choice(("a", "b", "steps.py", "team", "x/y.py", *_ODD_TEXTS))

    def _maybe(self) -> bool:
        return self._dice.random() < 0.5


def _places(value: Any, place: Place) -> Iterator[Place]:
    """Every place in a document."""
    yield place
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _places(item, (value, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _places(item, (value, index))
