"""Importing the code that comes with a run, straight from memory."""

import importlib.util
import linecache
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


class CodeImporter(MetaPathFinder, InspectLoader):
    """Finds and loads modules from texts by relative path. Nothing is written to disk."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._sources = {module_name(path): text for path, text in files.items()}
        self._packages = {name.rpartition(".")[0] for name in self._sources if "." in name} | {
            module_name(path) for path in files if path.endswith("__init__.py")
        }
        self._packages |= {
            ".".join(name.split(".")[:depth])
            for name in self._packages
            for depth in range(1, name.count(".") + 1)
        }

    @property
    def modules(self) -> set[str]:
        """Names of all modules and packages."""
        return self._packages | self._sources.keys()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """See ``MetaPathFinder``."""
        del path, target
        if fullname not in self.modules:
            return None
        origin = f"<code>/{fullname.replace('.', '/')}.py"
        spec = importlib.util.spec_from_loader(
            fullname, self, origin=origin, is_package=self.is_package(fullname)
        )
        if spec is not None:
            spec.has_location = False
        return spec

    def is_package(self, fullname: str) -> bool:
        """See ``InspectLoader``."""
        return fullname in self._packages

    def get_source(self, fullname: str) -> str:
        """The text of a module; tracebacks show its lines."""
        return self._sources.get(fullname, "")

    def exec_module(self, module: ModuleType) -> None:
        """See ``Loader``."""
        name = module.__name__
        path = f"{name.replace('.', '/')}.py"
        linecache.cache.pop(path, None)  # tracebacks would show the lines of the run before
        exec(compile(self.get_source(name), path, "exec", dont_inherit=True), module.__dict__)  # noqa: S102 - the run's own code


def replace(files: Mapping[str, str]) -> None:
    """Make the files importable in this process, in place of those of the run before."""
    for old in [finder for finder in sys.meta_path if isinstance(finder, CodeImporter)]:
        _remove(old)
    if files:
        sys.meta_path.insert(0, CodeImporter(files))


@contextmanager
def installed(files: Mapping[str, str]) -> Iterator[None]:
    """Make the files importable for the length of a block, and leave no module behind."""
    importer = CodeImporter(files)
    hidden = {name: sys.modules.pop(name) for name in importer.modules & sys.modules.keys()}
    sys.meta_path.insert(0, importer)
    try:
        yield
    finally:
        _remove(importer)
        sys.modules.update(hidden)


def _remove(importer: CodeImporter) -> None:
    sys.meta_path.remove(importer)
    for name in importer.modules:
        sys.modules.pop(name, None)


def module_name(path: str) -> str:
    """The name by which the file of a path is imported."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
