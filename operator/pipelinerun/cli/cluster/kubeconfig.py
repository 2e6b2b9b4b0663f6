"""Which kubeconfig, context and namespace count, by kubectl's rules."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from pipelinerun.cli.cluster.errors import ClusterError

Document = Mapping[str, Any]

DEFAULT = "~/.kube/config"


def files(given: str | None, environment: Mapping[str, str]) -> list[Path]:
    """The files that count and are there; one that is named has to be.

    Raises:
        ClusterError: it is not.
    """
    if given is not None:
        path = Path(given).expanduser()
        if not path.is_file():
            raise ClusterError(f"there is no kubeconfig {given}")
        return [path]
    listed = environment.get("KUBECONFIG") or DEFAULT
    paths = [Path(part).expanduser() for part in listed.split(os.pathsep) if part]
    return [path for path in paths if path.is_file()]


def missing(environment: Mapping[str, str]) -> str:
    """What to say where no file is there. Pure."""
    looked = environment.get("KUBECONFIG")
    where = f"KUBECONFIG names {looked}" if looked else f"{DEFAULT} is not there"
    return (
        f"there is no kubeconfig: {where}. Ask your administrator for one, and name it with"
        " --kubeconfig FILE or $KUBECONFIG"
    )


def read(paths: Iterable[Path]) -> list[Document]:
    """What the files hold.

    Raises:
        ClusterError: one is no kubeconfig.
    """
    documents: list[Document] = []
    for path in paths:
        try:
            document = yaml.safe_load(path.read_text())
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise ClusterError(f"{path} cannot be read: {error}") from None
        if isinstance(document, dict):
            documents.append(document)
        elif document is not None:
            raise ClusterError(f"{path} is not a kubeconfig")
    return documents


def contexts_of(documents: Iterable[Document]) -> dict[str, Document]:
    """All contexts by name. Pure. The first file to say something wins."""
    contexts: dict[str, Document] = {}
    for document in documents:
        for item in document.get("contexts") or ():
            contexts.setdefault(item["name"], item.get("context") or {})
    return contexts


def context_of(documents: Iterable[Document], wanted: str | None) -> tuple[str, str | None]:
    """The context that counts, and its namespace. Pure. The first file to say something wins.

    Raises:
        ClusterError: there is none, or not the one that is wanted.
    """
    documents = [*documents]
    contexts = contexts_of(documents)
    currents = (document.get("current-context") for document in documents)
    name = wanted or next((it for it in currents if it), None)
    if name is None:
        raise ClusterError("the kubeconfig has no current context; choose one with --context")
    if name not in contexts:
        known = ", ".join(sorted(contexts)) or "none"
        raise ClusterError(f"the kubeconfig has no context {name!r}; there are: {known}")
    return name, contexts[name].get("namespace") or None
