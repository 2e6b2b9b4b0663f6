"""What may happen in one exploration."""

from dataclasses import dataclass, field

from pipelinerun.api.spec import Retries, Shutdown
from tests.support.exploration.world import Life, Limit, Wish

NOTHING = Wish()


@dataclass(frozen=True)
class Scenario:
    """What may happen in one exploration.

    Attributes:
        retries: of the run.
        wish: what the spec asks for at first.
        wishes: how often users may change their mind.
        suspends: whether they may suspend the run, and resume it.
        shutdowns: what else they may ask for.
        limits: what they may set, and take away.
        deletes: whether they may delete the run.
        ends: how executions may end by themselves; never, if there is none.
        finally_: whether there are finally stages.
        refusals: whether the operator may come up with settings that do not allow the run.
        history: whether other runs may push the finished one out of the history.
        trouble: whether pods may be refused, or have trouble to start.
        attempts: no further attempts are looked at.
    """

    retries: Retries = field(default_factory=lambda: Retries(infrastructure_limit=0))
    wish: Wish = NOTHING
    wishes: int = 0
    suspends: bool = False
    shutdowns: tuple[Shutdown, ...] = ()
    limits: tuple[Limit, ...] = ()
    deletes: bool = False
    ends: tuple[Life, ...] = ("success", "user failure")
    finally_: bool = False
    refusals: bool = False
    history: bool = False
    trouble: bool = False
    attempts: int = 2
