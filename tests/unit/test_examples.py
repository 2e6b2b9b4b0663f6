"""The examples' manifests."""

from pathlib import Path

import pytest

from tests.support.examples import MANIFESTS, read


@pytest.mark.parametrize("path", MANIFESTS, ids=str)
def test_the_code_in_a_manifest_is_the_file_beside_it(path: Path) -> None:
    code = read(path).spec.code
    files = {} if code is None else code.files
    beside = {it.name: it.read_text() for it in path.parent.glob("*.py")}
    assert {name: text.strip() for name, text in files.items() if name in beside} == {
        name: text.strip() for name, text in beside.items()
    }


@pytest.mark.parametrize("path", MANIFESTS, ids=str)
def test_an_example_is_told_of_in_the_readme(path: Path) -> None:
    readme = Path("examples/README.md").read_text()
    assert f"({path.relative_to('examples')})" in readme
