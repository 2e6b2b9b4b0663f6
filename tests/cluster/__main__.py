"""A control plane from the command line.

python -m tests.cluster build                provide the binaries
python -m tests.cluster run -- COMMAND …     run a command with KUBECONFIG set to a fresh one
"""

import argparse
import os
import subprocess
import sys

from tests.cluster import binaries
from tests.cluster.build import BuildError
from tests.cluster.controlplane import ControlPlane


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.cluster",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("build", help="provide the binaries")
    run = commands.add_parser("run", help="run a command against a fresh control plane")
    run.add_argument("argv", nargs=argparse.REMAINDER, metavar="COMMAND")
    arguments = parser.parse_args()
    try:
        if arguments.command == "build":
            binaries.provide()
            return 0
        return run_command([word for word in arguments.argv if word != "--"])
    except BuildError as error:
        sys.stderr.write(f"{error}\n")
        return 1


def run_command(argv: list[str]) -> int:
    with ControlPlane() as plane:
        environment = {**os.environ, "KUBECONFIG": str(plane.kubeconfig)}
        return subprocess.run(argv, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
