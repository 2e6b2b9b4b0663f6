"""What the program is called where it was started."""

import sys
from pathlib import Path

NAME = "pipelinerun"
_PLUGIN = "kubectl-pipelinerun"


def program() -> str:
    """How the user types it: a kubectl plug-in is called through kubectl."""
    return f"kubectl {NAME}" if Path(sys.argv[0]).stem == _PLUGIN else NAME
