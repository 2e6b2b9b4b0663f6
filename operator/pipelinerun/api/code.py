"""Rules for code that comes with a run."""

import hashlib
import json
import re
from collections.abc import Iterator

from pipelinerun.api.definition import Code
from pipelinerun.api.violations import Violation

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


def code_hash(code: Code) -> str:
    """A name for the code: the same for the same files, so that runs with it may share a driver."""
    text = json.dumps(sorted(code.files.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
