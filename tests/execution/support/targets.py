"""What child processes run in these tests instead of Ray and a pipeline."""

import json
import socket
from functools import partial
from typing import Any

from pipelinerun.api.status import Outcome, StageStatus
from pipelinerun.execution.bootstrap import send
from pipelinerun.execution.interruption import Interruption
from pipelinerun.execution.reporter import Reporter


def run(channel: socket.socket, request: dict[str, Any]) -> int:
    """Execute the Python code of the job's parameter ``code`` (or of the request itself)."""
    job = json.loads(request["job"]) if "job" in request else {"run": {"params": request}}
    reporter = Reporter(partial(send, channel))
    names: dict[str, Any] = {
        "Interruption": Interruption,
        "Outcome": Outcome,
        "StageStatus": StageStatus,
        "reporter": reporter,
        "request": request,
        "send": lambda message: send(channel, message),
        "channel": channel,
        "code": 0,
    }
    exec(job["run"]["params"]["code"], names)
    return int(names["code"])


def succeed(channel: socket.socket, request: dict[str, Any]) -> int:
    code = run(channel, request)
    Reporter(partial(send, channel)).outcome(Outcome(exit_code=code))
    return code
