"""What the death of a driver stands for, by what Ray says of it. Pure."""

import re

from pipelinerun.api.exit_codes import KILLED
from pipelinerun.api.status import Failure, Outcome
from pipelinerun.controller.inprocess.protocol import AttemptKey, Ended, Lost

_EXIT_CODE = re.compile(r"exits? with (?:an )?exit code (\d+)")


def lost_or_ended(key: AttemptKey, error: str) -> Ended | Lost:
    """Judge a driver's death by what Ray knows of it."""
    text = " ".join(error.split())
    # What Ray only guesses, of any process that was killed, is no proof.
    text = text.partition("Some common causes include")[0].strip()
    if "memory" in text and "kill" in text:
        message = "the driver was killed because memory ran out"
        failure = Failure(class_="OutOfMemory", message=message, signal=9)
        return Ended(key=key, outcome=Outcome(exit_code=KILLED, failure=failure))
    code = _EXIT_CODE.search(text)
    if code is not None:
        message = f"the pipeline ended the driver's process with exit code {code[1]}"
        failure = Failure(class_="User", message=message)
        return Ended(key=key, outcome=Outcome(exit_code=int(code[1]), failure=failure))
    return Lost(key=key, message=text[:512])
