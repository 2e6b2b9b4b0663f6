"""Install what the project needs into the checkout: uv, then the locked environment.

Uses nothing but the standard library. uv comes from PATH, else from pip, else from a virtual
environment's pip; what is missing for all three is named together with the command that mends it.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".cache" / "tools"
MINIMUM = (3, 11)
NO_INSTALLER = """\
This Python has neither pip nor venv, so uv cannot be installed. Any one of these mends it:
    apt-get install -y python3-venv      (Debian, Ubuntu)
    dnf install -y python3-pip           (Fedora)
or install uv itself and run this command again."""


def main() -> int:
    if sys.version_info < MINIMUM:
        sys.stderr.write(f"Python {MINIMUM[0]}.{MINIMUM[1]} or newer is needed.\n")
        return 1
    uv = find_uv() or install_uv()
    if uv is None:
        sys.stderr.write(NO_INSTALLER + "\n")
        return 1
    environment = {**os.environ, "UV_PYTHON_DOWNLOADS": "never", "UV_PROJECT_ENVIRONMENT": ".venv"}
    # Compiled here once: where Python may not write bytecode, each process of Ray would do it anew.
    options = ["--frozen", "--compile-bytecode", "--python", sys.executable]
    command = [uv, "sync", *options, *quiet()]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def quiet() -> list[str]:
    """Show uv's progress bars to people alone."""
    return [] if sys.stderr.isatty() else ["--quiet"]


def find_uv() -> str | None:
    own = TOOLS / "bin" / "uv"
    return str(own) if own.exists() else shutil.which("uv")


def install_uv() -> str | None:
    sys.stderr.write("Installing uv into .cache/tools …\n")
    return find_uv() if (pip_install([sys.executable]) or install_with_venv()) else None


def install_with_venv() -> bool:
    with tempfile.TemporaryDirectory() as folder:
        create = [sys.executable, "-m", "venv", folder]
        if subprocess.run(create, capture_output=True, check=False).returncode != 0:
            return False
        return pip_install([f"{folder}/bin/python"])


def pip_install(python: list[str]) -> bool:
    """Install into a folder of our own, which an externally managed pip allows too."""
    if subprocess.run([*python, "-m", "pip", "-V"], capture_output=True, check=False).returncode:
        return False
    command = [*python, "-m", "pip", "install", "--quiet", "--upgrade", "--target", str(TOOLS)]
    return subprocess.run([*command, "uv"], check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
