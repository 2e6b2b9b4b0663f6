"""Mermaid blocks become pictures: no script, no font and no server is needed to see them."""

import re
from pathlib import Path

import mermaidx

_BLOCK = re.compile(r"^```mermaid\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
_THEME = "neutral"


def draw(page: Path) -> None:
    """Put pictures beside a page in the place of its Mermaid blocks."""
    count = 0

    def picture(block: re.Match[str]) -> str:
        nonlocal count
        count += 1
        name = f"{page.stem}-{count}.svg"
        page.with_name(name).write_text(mermaidx.render(block[1], theme=_THEME).svg())
        return f"[![Picture {count} of this page]({name})]({name}){{.picture}}\n"

    text = page.read_text()
    drawn = _BLOCK.sub(picture, text)
    if drawn != text:
        page.write_text(drawn)
