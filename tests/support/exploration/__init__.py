"""Every state that a run can get into, by doing all that can happen in each of them.

What decides is real: ``observe``, ``decide`` and ``actions``. What surrounds it is modelled: the
API server, the watch, what executes attempts and how the operator hears of it, users and time.
"""
