"""``python -m benchmarks [NAME…] [-o json]``."""

import importlib
from typing import Annotated

import typer
from rich.console import Console

from benchmarks import report

BENCHMARKS = {
    "engine": "Engine beside Ray Data written by hand (budget: ratio below 1.05)",
    "streams": "Streams beside actors and queues written by hand",
    "memory": "20 GB through an object store of 2 GB (budget: nothing spilled, within 4 GB)",
    "checkpoints": "A checkpoint beside the same by hand (budget: ratio below 1.05), and resuming",
    "latency": "From apply to Succeeded, beside a plain call of Ray Data",
    "runs": "The operator's cost at 1,000 finished runs",
    "failover": "From the leader's death to the next status write (budget: 1.2 leases)",
    "cold_start": "First row in a fresh worker pod, beside a plain script (budget: ratio 0.5)",
    "pods": "From apply to Succeeded in a pod, beside a Job (budget: ratio at most 1.0)",
}


def main(
    names: Annotated[
        list[str] | None, typer.Argument(help=f"Any of {', '.join(BENCHMARKS)}; all when left out.")
    ] = None,
    output: Annotated[str, typer.Option("--output", "-o", help="table or json")] = "table",
) -> None:
    """Measure on this machine, side by side in one run."""
    console = Console(stderr=True)
    for name in names or BENCHMARKS:
        if name not in BENCHMARKS:
            raise typer.BadParameter(f"no benchmark {name!r}; there are {', '.join(BENCHMARKS)}")
        with console.status(f"Measuring: {BENCHMARKS[name]}"):
            rows = list(importlib.import_module(f"benchmarks.{name}").measure())
        report.show(BENCHMARKS[name], rows, as_json=output == "json")


if __name__ == "__main__":
    typer.run(main)
