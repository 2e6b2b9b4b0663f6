"""A control plane from the command line.

python -m tests.cluster build [--node]             provide the binaries; for a node the image, too
python -m tests.cluster run [--node] -- COMMAND …  run a command with KUBECONFIG set to a fresh one
"""

import argparse
import os
import subprocess
import sys

from tests.cluster import binaries, image, requirements
from tests.cluster.build import BuildError
from tests.cluster.controlplane import ControlPlane
from tests.cluster.node import Cluster


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.cluster",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    made = commands.add_parser("build", help="provide the binaries")
    run = commands.add_parser("run", help="run a command against a fresh control plane")
    for command in (made, run):
        command.add_argument("--node", action="store_true", help="with a node; needs root on Linux")
    run.add_argument("argv", nargs=argparse.REMAINDER, metavar="COMMAND")
    arguments = parser.parse_args()
    try:
        if arguments.command == "build":
            build(node=arguments.node)
            return 0
        if arguments.node:
            requirements.provide()
        return run_command([word for word in arguments.argv if word != "--"], node=arguments.node)
    except BuildError as error:
        sys.stderr.write(f"{error}\n")
        return 1


def build(*, node: bool) -> None:
    binaries.provide()
    binaries.provide_helm()
    binaries.provide_promtool()
    binaries.provide_ray_clusters()
    if node:
        requirements.provide()
        binaries.provide_node()
        binaries.provide_coredns()
        binaries.provide_kuberay()
        image.build()


def run_command(argv: list[str], *, node: bool) -> int:
    with Cluster() if node else ControlPlane() as plane:
        if isinstance(plane, Cluster):
            image.load(plane, image.build())
        environment = {**os.environ, "KUBECONFIG": str(plane.kubeconfig)}
        return subprocess.run(argv, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
