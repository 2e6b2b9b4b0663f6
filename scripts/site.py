"""Build the documentation site of the repository's own Markdown files, with every link checked.

The site has the layout of the repository, so that links mean the same there as they do in a
checkout. Nothing is loaded from elsewhere, neither now nor by its readers.
"""

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scripts import links, pictures

ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / "docs" / "zensical.toml"
BUILD = ROOT / "build" / "docs"
PARTS = (
    *("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Dockerfile"),
    *("docs", "examples", "deploy/argo-cd", "charts/pipelinerun-operator/values.yaml"),
)
"""Pages, and what they link to."""
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def main() -> int:
    project = tomllib.loads(CONFIG.read_text())["project"]
    source, site = BUILD / project["docs_dir"], BUILD / project["site_dir"]
    collect(source)
    problems = [
        f"{page} is not in the navigation of {CONFIG.relative_to(ROOT)}"
        for page in sorted(pages(source) - set(listed(project["nav"])))
    ]
    problems += build() or links.wrong(site)
    end = "\n".join(problems) if problems else f"{site.relative_to(ROOT)}/index.html"
    sys.stdout.write(f"{end}\n")
    return 1 if problems else 0


def collect(source: Path) -> None:
    """Lay out what the site is made of, with pictures drawn."""
    shutil.rmtree(source, ignore_errors=True)
    for part in PARTS:
        target = source / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / part, target)
    for page in source.rglob("*.md"):
        pictures.draw(page)


def pages(source: Path) -> set[str]:
    """What readers should find; what examples read is no page."""
    found = {str(path.relative_to(source)) for path in source.rglob("*.md")}
    return {it for it in found if not it.startswith("examples/text/")}


def listed(nav: list[Any]) -> Iterator[str]:
    """The pages of a navigation."""
    for entry in nav:
        for target in entry.values():
            if isinstance(target, str):
                yield target
            else:
                yield from listed(target)


def build() -> list[str]:
    """Build the site; returns what Zensical warns of."""
    # Beside its configuration Zensical clears a folder .cache, and the one in the root is not its.
    config = shutil.copy(CONFIG, BUILD)
    command = [str(Path(sys.executable).with_name("zensical")), "build", "--strict", "--clean"]
    done = subprocess.run(
        [*command, "--config-file", str(config)],
        capture_output=True,
        text=True,
        check=False,
    )
    return [_COLOUR.sub("", done.stdout + done.stderr)] if done.returncode else []


if __name__ == "__main__":
    sys.exit(main())
