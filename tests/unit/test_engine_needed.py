"""Which files of a run a stage needs."""

import pytest

from pipelinerun.engine.needed import needed_files

FILES = {
    "steps.py": "import numpy, text.clean\nfrom tables import Table",
    "tables.py": "class Table: ...",
    "text/__init__.py": "",
    "text/clean.py": "from . import words\nfrom .deep import rules\nfrom .. import nothing",
    "text/words.py": "def load():\n    from other import late",
    "text/deep/__init__.py": "from ..unlikely import x",
    "text/deep/rules.py": "import steps",
    "text/unlikely.py": "",
    "other.py": "",
    "alone.py": "VALUE = 1",
    "clever.py": "import importlib",
    "sly.py": "__import__('alone')",
    "broken.py": "def",
}


@pytest.mark.parametrize(
    ("module", "needed"),
    [
        ("alone", ["alone.py"]),
        ("tables", ["tables.py"]),
        ("ray.data", []),
        ("text.unlikely", ["text/__init__.py", "text/unlikely.py"]),
        ("text.deep", ["text/__init__.py", "text/deep/__init__.py", "text/unlikely.py"]),
        (
            "steps",
            [
                *("other.py", "steps.py", "tables.py"),
                *("text/__init__.py", "text/clean.py", "text/deep/__init__.py"),
                *("text/deep/rules.py", "text/unlikely.py", "text/words.py"),
            ],
        ),
    ],
)
def test_a_module_needs_what_it_imports_and_what_that_imports(
    module: str, needed: list[str]
) -> None:
    assert needed_files(FILES, [module]) == {path: FILES[path] for path in needed}


def test_several_modules_need_what_each_of_them_needs() -> None:
    assert [*needed_files(FILES, ["alone", "tables"])] == ["alone.py", "tables.py"]


@pytest.mark.parametrize("module", ["clever", "sly", "broken"])
def test_where_it_cannot_be_known_all_files_are_needed(module: str) -> None:
    assert needed_files(FILES, [module]) == FILES
