"""Importing code from memory."""

import importlib
import sys
import traceback
from collections.abc import Iterator

import pytest

from pipelinerun.engine import importer

FILES = {
    "alpha.py": "from inner.deep import VALUE\nNAME = __name__",
    "inner/deep.py": "VALUE = 1",
    "whole/__init__.py": "from . import part\nVALUE = part.VALUE",
    "whole/part.py": "VALUE = 2",
}
NAMES = {"alpha", "inner", "inner.deep", "whole", "whole.part"}


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    yield
    importer.replace({})
    assert not NAMES & sys.modules.keys()


def load(name: str) -> object:
    return importlib.import_module(name).VALUE


def test_modules_and_packages_with_and_without_init() -> None:
    with importer.installed(FILES):
        assert importer.CodeImporter(FILES).modules == NAMES
        assert importlib.import_module("alpha").NAME == "alpha"
        assert (load("inner.deep"), load("whole"), load("whole.part")) == (1, 2, 2)
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("alpha")


def test_the_runs_code_goes_before_what_is_installed_and_gives_way_again() -> None:
    before = importlib.import_module("this_module_is_there")
    with importer.installed({"this_module_is_there.py": "VALUE = 'mine'"}):
        assert load("this_module_is_there") == "mine"
    assert sys.modules["this_module_is_there"] is before


@pytest.fixture(autouse=True)
def another_module() -> Iterator[None]:
    sys.modules["this_module_is_there"] = type(sys)("this_module_is_there")
    yield
    del sys.modules["this_module_is_there"]


def test_the_next_runs_code_replaces_the_last_ones() -> None:
    importer.replace({"alpha.py": "VALUE = 'old'"})
    assert load("alpha") == "old"
    importer.replace({"alpha.py": "VALUE = 'new'"})
    assert load("alpha") == "new"


def test_tracebacks_show_the_source() -> None:
    text = "def f():\n    raise ValueError('here')"
    with importer.installed({"alpha.py": text}):
        module = importlib.import_module("alpha")
        assert module.__loader__ is not None
        assert importer.CodeImporter({"alpha.py": text}).get_source("alpha") == text
        assert module.f.__code__.co_filename == "alpha.py"


def test_a_traceback_shows_the_lines_of_the_code_that_ran() -> None:
    for text in ("old", "new"):
        with importer.installed({"alpha.py": f"def fail():\n    raise ValueError('{text}')"}):
            with pytest.raises(ValueError, match=text) as raised:
                importlib.import_module("alpha").fail()
            assert f"raise ValueError('{text}')" in "".join(traceback.format_tb(raised.tb))
