"""The examples' manifests."""

import tomllib
from pathlib import Path

import pytest

from tests.support.examples import MANIFESTS, read


@pytest.mark.parametrize("path", MANIFESTS, ids=str)
def test_the_code_in_a_manifest_is_the_file_beside_it(path: Path) -> None:
    code = read(path).spec.code
    files = {} if code is None else code.files
    beside = {it.name: it.read_text() for it in path.parent.glob("*.py") if it.name in files}
    assert {name: text.strip() for name, text in files.items() if name in beside} == {
        name: text.strip() for name, text in beside.items()
    }


@pytest.mark.parametrize("path", MANIFESTS, ids=str)
def test_an_example_is_told_of_in_the_readme(path: Path) -> None:
    readme = Path("examples/README.md").read_text()
    assert f"({path.relative_to('examples')})" in readme


def test_the_packages_of_an_example_are_those_that_it_is_tested_with() -> None:
    tested = tomllib.loads(Path("pyproject.toml").read_text())["dependency-groups"]["examples"]
    for needed in Path("examples").rglob("requirements.txt"):
        assert set(needed.read_text().split()) <= set(tested)
