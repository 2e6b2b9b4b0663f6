"""Packages for tests, as an index of their own."""

import zipfile
from pathlib import Path

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
