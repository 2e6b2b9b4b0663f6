"""Bounded queues as a backpressure policy of Ray Data. Reaches into Ray's private parts.

The list of policies can be set, but what a policy is told about an operator is private.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ray.data import DataContext
from ray.data._internal.execution.backpressure_policy import (
    ENABLED_BACKPRESSURE_POLICIES,
    ENABLED_BACKPRESSURE_POLICIES_CONFIG_KEY,
    BackpressurePolicy,
)
from ray.data._internal.execution.interfaces import PhysicalOperator
from ray.data._internal.logical.operators import AbstractUDFMap

from pipelinerun.engine.plan import StagePlan

Full = Callable[[str], bool]
_full: Full | None = None
"""Of the run that this process drives. Ray Data makes the policies, from their class."""


@contextmanager
def held_back(full: Full) -> Iterator[None]:
    """Give no new work to stages whose queue is full, in all Datasets that are made meanwhile."""
    global _full  # noqa: PLW0603 - Ray Data's settings of a process are global as well
    context = DataContext.get_current()
    policies = context.get_config(
        ENABLED_BACKPRESSURE_POLICIES_CONFIG_KEY, ENABLED_BACKPRESSURE_POLICIES
    )
    context.set_config(ENABLED_BACKPRESSURE_POLICIES_CONFIG_KEY, [*policies, QueuesPolicy])
    _full = full
    try:
        yield
    finally:
        _full = None
        context.set_config(ENABLED_BACKPRESSURE_POLICIES_CONFIG_KEY, policies)


class QueuesPolicy(BackpressurePolicy):  # type: ignore[misc] # Ray's is not typed
    """Holds back an operator while one of its stages has no room for what it would put out."""

    @property
    def name(self) -> str:
        """As it is shown to people."""
        return "queueSize"

    def can_add_input(self, op: PhysicalOperator) -> bool:
        """Whether the operator may be given new work."""
        return _full is None or not any(map(_full, _stages(op)))


def _stages(op: PhysicalOperator) -> list[str]:
    """Stages that run in an operator; none if a source does that itself asks before each row."""
    plans: list[StagePlan] = []
    for it in op._logical_operators:  # noqa: SLF001 - says which functions run in it
        if isinstance(it, AbstractUDFMap):
            given = {**(it.fn_kwargs or {}), **(it.fn_constructor_kwargs or {})}
            plans += [plan for plan in given.values() if isinstance(plan, StagePlan)]
            plans += given.get("plans", ())
    return [] if any(plan.queued for plan in plans) else [plan.stage.name for plan in plans]
