"""What the pages of a built site lead to and load: it has to be there, and to be the site's own."""

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

_LOADED = {"img": "src", "script": "src", "link": "href", "iframe": "src"}
_NOT_LOADED = frozenset({"canonical", "next", "prev"})


class Page(HTMLParser):
    """The anchors, links and loaded files of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {key: value for key, value in attrs if value is not None}
        self.anchors |= {given[key] for key in ("id", "name") if key in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if (target := given.get(_LOADED.get(tag, ""))) and given.get("rel") not in _NOT_LOADED:
            self.loaded.append(target)


def wrong(site: Path) -> Iterator[str]:
    """What is wrong with the links of a site, a line each."""
    pages = {path: Page(path.read_text()) for path in sorted(site.rglob("*.html"))}
    for path, page in pages.items():
        # Served for whatever address is not there, so that its own links begin at the root.
        if path.name == "404.html":
            continue
        for target in [*page.links, *page.loaded]:
            if why := _wrong(path, target, pages, loaded=target in page.loaded):
                yield f"{path.relative_to(site)}: {target} {why}"


def _wrong(path: Path, target: str, pages: dict[Path, Page], *, loaded: bool) -> str | None:
    link = urlsplit(target)
    if link.scheme or link.netloc:
        return "is loaded from elsewhere" if loaded and link.scheme != "data" else None
    file = (path.parent / unquote(link.path)).resolve() if link.path else path
    if not file.is_file():
        return "is not there"
    known = pages[file].anchors if file in pages else {link.fragment}
    return "has no such anchor" if link.fragment and unquote(link.fragment) not in known else None
