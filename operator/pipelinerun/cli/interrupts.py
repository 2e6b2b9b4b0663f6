"""What Ctrl-C and SIGTERM do to a run on the command line."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(KeyboardInterrupt):
    """A signal asked for the end.

    Attributes:
        signum: the signal.
    """

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum


@contextmanager
def interruptible(tell: Callable[[int], None]) -> Iterator[None]:
    """Raise ``Interrupted`` in the main thread when SIGINT or SIGTERM comes.

    ``tell`` is called before with the first signal. Ctrl-C afterwards raises again; the one after
    that is the kernel's. SIGTERM is not counted twice: ``timeout`` sends it to the process and to
    its group.
    """

    def first(signum: int, _frame: FrameType | None) -> None:
        _handle(again)
        tell(signum)
        raise Interrupted(signum)

    def again(signum: int, _frame: FrameType | None) -> None:
        if signum == signal.SIGINT:
            _handle(signal.SIG_DFL)
            raise Interrupted(signum)

    before = {it: signal.getsignal(it) for it in _SIGNALS}
    _handle(first)
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


def _handle(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> None:
    for signum in _SIGNALS:
        signal.signal(signum, handler)
