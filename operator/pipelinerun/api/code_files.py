"""Rules for code that comes with a run."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping

from pipelinerun.api.code import Code
from pipelinerun.api.violations import InvalidDefinitionError, Violation

MAX_CODE_BYTES = 512 * 1024
"""Bytes of all files together: a run is one object in etcd, which refuses more than 1.5 MB."""

_MODULE_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(/[A-Za-z_][A-Za-z0-9_]*)*\.py")


def wrong_files(code: Code) -> Iterator[Violation]:
    """What is wrong with the files, seen from ``code``."""
    for path in code.files:
        if not _MODULE_PATH.fullmatch(path):
            yield Violation(
                f"files[{path}]", "must be the relative path of a Python module, such as steps.py"
            )
    size = sum(len(text.encode()) for text in code.files.values())
    if size > MAX_CODE_BYTES:
        text = f"{size} bytes are more than {MAX_CODE_BYTES}; build an image with the code instead"
        yield Violation("files", text)


def with_config_map(code: Code, data: Mapping[str, str]) -> Code:
    """The code with the modules in the ConfigMap that it names among its files.

    Raises:
        InvalidDefinitionError: they are none, or do not go with the files; seen from the spec.
    """
    modules = {key: text for key, text in data.items() if _MODULE_PATH.fullmatch(key)}
    merged = code.model_copy(update={"files": {**code.files, **modules}, "config_map": None})
    twice = sorted(modules.keys() & code.files.keys())
    wrong = [it for it in wrong_files(merged) if it.path == "files"]
    if twice:
        wrong = [Violation("configMap", f"{', '.join(twice)} is in code.files as well")]
    if not modules:
        text = f"{code.config_map!r} has no key that names a Python module, such as steps.py"
        wrong = [Violation("configMap", text)]
    if wrong:
        raise InvalidDefinitionError(it.under("code") for it in wrong)
    return merged


def with_repository(code: Code, modules: Mapping[str, str]) -> Code:
    """The code with the modules of its repository among its files.

    Raises:
        InvalidDefinitionError: there are none, or the same in its files; seen from the spec.
    """
    found = {path: text for path, text in modules.items() if _MODULE_PATH.fullmatch(path)}
    twice = sorted(found.keys() & code.files.keys())
    if not found:
        raise InvalidDefinitionError([Violation("code.git", "has no Python module there")])
    if twice:
        text = f"{', '.join(twice)} is in code.files as well"
        raise InvalidDefinitionError([Violation("code.git", text)])
    return code.model_copy(update={"files": {**code.files, **found}, "git": None})


def wrong_without_cluster(code: Code) -> Iterator[Violation]:
    """Sources of code that only the operator can reach, seen from ``code``."""
    if code.config_map is not None:
        yield Violation("configMap", "is read by the operator; without one give code.files")


def code_hash(code: Code) -> str:
    """A name for the code: runs with the same files and packages may share a driver."""
    others = code.model_dump(mode="json", include={"pip", "uv", "git"})
    text = json.dumps([sorted(code.files.items()), others])
    return hashlib.sha256(text.encode()).hexdigest()[:16]
