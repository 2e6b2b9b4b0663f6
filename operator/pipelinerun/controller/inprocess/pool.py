"""Which driver runs an attempt, and which drivers there should be. Pure.

A driver that has run some code is bound to it: only attempts with the same code may follow, so that
two runs never see each other's modules. A blank driver has run nothing yet and suits any code.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

State = Literal["warming", "idle", "busy"]


@dataclass
class Slot:
    """A driver in the pool.

    Attributes:
        name: name of its actor.
        state: warming until it has run its first dataset, then idle or busy.
        code: hash of the code it is bound to; None while blank.
    """

    name: str
    state: State = "warming"
    code: str | None = None

    @property
    def blank(self) -> bool:
        """Whether it suits any code, now or once it is warm."""
        return self.code is None and self.state != "busy"


S = TypeVar("S", bound=Slot)


def choose(slots: Sequence[S], code: str) -> S | None:
    """The idle driver for an attempt: one bound to its code, else a blank one, else none."""
    idle = [slot for slot in slots if slot.state == "idle"]
    bound = (slot for slot in idle if slot.code == code)
    return next(bound, None) or next((slot for slot in idle if slot.blank), None)


def to_create(slots: Sequence[Slot], capacity: int, queued: int) -> int:
    """How many blank drivers to create: one for each queued attempt, and always one spare.

    There is one driver more than there are places, so that a run with new code finds a warm one
    while the driver of the last run stays for the next run with its code.
    """
    blank = sum(slot.blank for slot in slots)
    busy = sum(slot.state == "busy" for slot in slots)
    return max(0, min(max(queued, 1) - blank, capacity + 1 - busy - blank))


def to_end(slots: Sequence[S], capacity: int, created: int) -> list[S]:
    """The bound drivers that have to go to make room, least recently used first.

    ``slots`` are in the order of their last use.
    """
    idle = [slot for slot in slots if slot.state == "idle" and not slot.blank]
    return idle[: max(0, len(slots) + created - (capacity + 1))]
