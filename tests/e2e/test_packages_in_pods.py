"""Packages that runs bring, in worker pods of a real node, whose root is read-only."""

from pathlib import Path
from typing import Any

import pytest

from tests.cluster.network import NODE_ADDRESS
from tests.support.installation import WORKERS as NAMESPACE
from tests.support.projects import GROUP, locked_project
from tests.support.repositories import commit, served
from tests.support.runs import Document, Runs, is_finished, manifest
from tests.support.wheels import index, served_index

pytestmark = pytest.mark.usefixtures("operator")

LEAVE = """
import sys

import greeting

def leave(row):
    sys.exit(int(greeting.VERSION))
"""


def run(name: str, **code: Any) -> Document:
    work = {"name": "work", "callable": "greet:leave"}
    document = manifest(name, work, namespace=NAMESPACE, mode="Subprocess")
    document["spec"]["code"] |= code
    return document


def test_packages_by_pip_by_uv_and_of_a_lock_file(runs: Runs, tmp_path: Path) -> None:
    wheels, repository = tmp_path / "wheels", tmp_path / "repository"
    index(wheels, "31", "32", "33")
    with served_index(wheels, NODE_ADDRESS) as packages:
        commit(repository, {"greet.py": LEAVE, **locked_project(tmp_path / "project", packages)})
        options = [f"--index-url={packages}", f"--trusted-host={NODE_ADDRESS}"]
        code: dict[str, Document] = {
            "pip": {"pip": [*options, "greeting==31"]},
            "uv": {"uv": {"packages": [*options, "greeting==32"]}},
            "locked": {"uv": {"project": ".", "groups": [GROUP]}},
        }
        with served(repository, host=NODE_ADDRESS) as url:
            for name, given in code.items():
                runs.apply(run(f"packages-{name}", git={"url": url}, **given))
            ended = [runs.wait(f"packages-{it}", is_finished, NAMESPACE) for it in code]
    assert [it["exitCode"] for it in ended] == [31, 32, 33], ended
