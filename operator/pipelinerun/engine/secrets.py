"""What comes from Secrets, kept out of what a failure tells.

Who may read a run's status need not be one who may read the Secrets that its pod uses.
"""

import os
from collections.abc import Iterator, Mapping

from pipelinerun.api.names import SECRET_VARIABLES

HIDDEN = "***"
_SHORTEST = 4
"""Characters of a value that is hidden; shorter ones stand anywhere by chance."""


def hidden(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """A text without the values, and lines of values, of variables that come from Secrets."""
    for value in sorted(_values(environment), key=len, reverse=True):
        text = text.replace(value, HIDDEN)
    return text


def _values(environment: Mapping[str, str]) -> Iterator[str]:
    for name in environment.get(SECRET_VARIABLES, "").split(","):
        value = environment.get(name, "")
        for part in (value, *value.splitlines()):
            if len(part.strip()) >= _SHORTEST:
                yield part.strip()
