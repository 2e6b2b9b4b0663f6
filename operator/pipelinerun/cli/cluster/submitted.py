"""From a manifest on disk to what is created on a cluster. Pure."""

import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from pipelinerun.api.run import PipelineRun
from pipelinerun.cli.cluster.errors import ClusterError
from pipelinerun.cli.cluster.reading import Body, phase_of

_LONGEST_PREFIX = 50


def document(manifest: PipelineRun, namespace: str) -> dict[str, Any]:
    """What is sent of a manifest: all that it says, in the API's own spelling."""
    body = manifest.model_dump(mode="json", by_alias=True, exclude_unset=True)
    body["metadata"] = {**body["metadata"], "namespace": namespace}
    return body


def named(manifest: PipelineRun, name: str | None, path: str) -> PipelineRun:
    """The manifest with a name that was chosen, else its own, else one made of the file's."""
    metadata = manifest.metadata
    if name is not None:
        changes: Mapping[str, Any] = {"name": name, "generate_name": None}
    elif metadata.name or metadata.generate_name:
        return manifest
    else:
        changes = {"generate_name": prefix(path)}
    kept = metadata.model_dump(exclude_unset=True)
    made = type(metadata)(**{it: value for it, value in {**kept, **changes}.items() if value})
    return manifest.model_copy(update={"metadata": made})


def prefix(path: str) -> str:
    """The beginning of names of runs from a file."""
    words = re.findall("[a-z0-9]+", PurePath(path).stem.lower())
    return f"{'-'.join(words)[:_LONGEST_PREFIX].rstrip('-') or 'run'}-"


def namespace_of(manifest: PipelineRun, namespace: str, *, chosen: bool) -> str:
    """Where a run is created.

    Raises:
        ClusterError: the manifest says otherwise than the user.
    """
    own = manifest.metadata.namespace
    if own and chosen and own != namespace:
        raise ClusterError(
            f"the manifest is for namespace {own!r}, and -n names {namespace!r}: leave one out"
        )
    return own or namespace


def there_already(run: Body, program: str) -> str:
    """What to say of a run that is there under the name of a new one."""
    name, namespace = run["metadata"]["name"], run["metadata"]["namespace"]
    return (
        f"there is a run {name!r} in namespace {namespace!r} already: it is {phase_of(run)}."
        f" Choose another name:\n  {program} submit FILE --name {name}-2 -n {namespace}\n"
        f"or take the old one away first:\n  {program} delete {name} -n {namespace}"
    )
