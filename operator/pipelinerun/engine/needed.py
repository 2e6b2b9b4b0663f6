"""Which of the files that come with a run a stage needs: its module, and what that imports."""

import ast
from collections.abc import Iterable, Iterator, Mapping

from pipelinerun.engine.importer import module_name

_DYNAMIC = frozenset({"importlib", "__import__", "exec", "eval", "runpy", "pkgutil"})
"""Names by whose use a file may import what it does not name."""


def needed_files(files: Mapping[str, str], modules: Iterable[str]) -> dict[str, str]:
    """The files that the modules may load; all of them where that cannot be known."""
    by_module = {module_name(path): path for path in files}
    needed: set[str] = set()
    waiting = [*modules]
    while waiting:
        for name in _with_packages(waiting.pop()):
            path = by_module.get(name)
            if path is None or path in needed:
                continue
            needed.add(path)
            try:
                waiting += _imported(files[path], name, is_package=path.endswith("__init__.py"))
            except (SyntaxError, ValueError):
                return dict(files)
    return {path: files[path] for path in sorted(needed)}


def _with_packages(name: str) -> Iterator[str]:
    """A module and the packages that it is in, which are loaded before."""
    parts = name.split(".")
    return (".".join(parts[:depth]) for depth in range(1, len(parts) + 1))


def _imported(text: str, module: str, *, is_package: bool) -> Iterator[str]:
    """What a module may import, by name.

    Raises:
        ValueError: it may import things that it does not name.
    """
    package = module.split(".") if is_package else module.split(".")[:-1]
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Import(names=names):
                found = [alias.name for alias in names]
            case ast.ImportFrom(module=source, names=names, level=level):
                above = package[: len(package) - level + 1] if level else []
                base = ".".join([*above, *([source] if source else [])])
                found = [base, *(f"{base}.{alias.name}" for alias in names)]
            case ast.Name(id=name):
                found = [name] if name in _DYNAMIC else []
            case _:
                continue
        if _DYNAMIC.intersection(found):
            raise ValueError(module)
        yield from found
