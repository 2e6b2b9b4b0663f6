"""Whether this operator may act: for ever, or as long as it holds a lease."""

import math

from pipelinerun.controller import clock
from pipelinerun.core.leases import LeaseTimes


class NotLeadingError(Exception):
    """Something was about to be done by an operator that may not act, or not any more."""


class Leadership:
    """Asked before whatever has an effect outside this process.

    Attributes:
        elected: whether it takes a lease to act.
        until: when it ends unless the lease is renewed, by ``clock.now``.
    """

    def __init__(self, *, elected: bool) -> None:
        self.elected = elected
        self.until = -math.inf if elected else math.inf
        self._expiry = self.until

    @property
    def leads(self) -> bool:
        """Whether something may be begun now."""
        return clock.now() < self.until

    def check(self) -> None:
        """Fail unless something may be begun now.

        Raises:
            NotLeadingError: it may not.
        """
        if not self.leads:
            raise NotLeadingError("this operator does not hold the lease")

    def within(self, timeout: float | None) -> float | None:
        """A time-out in seconds, cut to the time after which another operator may lead."""
        left = self._expiry - clock.now()
        if left == math.inf:
            return timeout
        return left if timeout is None else min(left, timeout)

    def extend(self, since: float, times: LeaseTimes) -> None:
        """The lease was renewed by a request that was sent at ``since``."""
        self.until, self._expiry = since + times.acting, since + times.duration

    def end(self) -> None:
        """Nothing may be begun any more."""
        self.until = -math.inf
