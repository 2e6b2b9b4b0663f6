"""Environment variables for processes of Ray, which reads them when it is loaded."""

from types import MappingProxyType

ENVIRONMENT = MappingProxyType(
    {
        # A call that comes after the end must not start another Ray.
        "RAY_ENABLE_AUTO_CONNECT": "0",
        # What stages print is the run's output: every line of it, and without colours.
        "RAY_DEDUP_LOGS": "0",
        "RAY_COLOR_PREFIX": "0",
        "RAY_USAGE_STATS_ENABLED": "0",
        # A token would be written to the home directory, which may be read-only. Who reaches Ray is
        # for the pod's network to say (docs/security.md).
        "RAY_AUTH_MODE": "disabled",
        # Ray's note that zero may mean no accelerators in the future; nothing here depends on it.
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    }
)
