"""Environment variables for processes of Ray, which reads them when it is loaded."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

OUTPUT_ENVIRONMENT = MappingProxyType(
    {
        # A call that comes after the end must not start another Ray.
        "RAY_ENABLE_AUTO_CONNECT": "0",
        # What stages print is the run's output: every line of it, and without colours.
        "RAY_DEDUP_LOGS": "0",
        "RAY_COLOR_PREFIX": "0",
    }
)
"""For a driver, whatever its Ray."""
ENVIRONMENT = MappingProxyType(
    {
        **OUTPUT_ENVIRONMENT,
        "RAY_USAGE_STATS_ENABLED": "0",
        # Ray's note that zero may mean no accelerators in the future; nothing here depends on it.
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    }
)


@contextmanager
def variables(variables: Mapping[str, str]) -> Iterator[None]:
    """Environment variables for the processes that are started meanwhile."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
