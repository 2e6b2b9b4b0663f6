"""Packages for tests, as an index of their own."""

import hashlib
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

NAME = "greeting"


def index(folder: Path, *versions: str, needs: str = "") -> list[str]:
    """Wheels of a package with one module that knows its version; gives pip's options for them."""
    folder.mkdir(parents=True, exist_ok=True)
    for version in versions:
        about = f"{NAME}-{version}.dist-info"
        metadata = f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {version}\n"
        files = {
            f"{NAME}.py": f"VERSION = {version!r}\n",
            f"{about}/METADATA": metadata + (f"Requires-Dist: {needs}\n" if needs else ""),
            f"{about}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            f"{about}/RECORD": "",
        }
        with zipfile.ZipFile(folder / f"{NAME}-{version}-py3-none-any.whl", "w") as wheel:
            for name, text in files.items():
                wheel.writestr(name, text)
    return ["--no-index", f"--find-links={folder}"]


@contextmanager
def served_index(folder: Path, host: str = "127.0.0.1") -> Iterator[str]:
    """Serve the wheels in a folder for the length of a block; gives the URL of their index."""
    handler = partial(_Index, directory=str(folder))
    with ThreadingHTTPServer((host, 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{host}:{server.server_port}"
        server.shutdown()


class _Index(SimpleHTTPRequestHandler):
    """The page of the one package that there is, and its wheels."""

    def do_GET(self) -> None:
        if self.path != f"/{NAME}/":
            super().do_GET()
            return
        page = "".join(map(_link, Path(self.directory).iterdir())).encode()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_: Any) -> None:
        """Nobody listens."""


def _link(wheel: Path) -> str:
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return f'<a href="/{wheel.name}#sha256={digest}">{wheel.name}</a>\n'
