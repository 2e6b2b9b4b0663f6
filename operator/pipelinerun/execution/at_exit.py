"""The end of the interpreter."""

import logging


def quiet_logging() -> None:
    """Print no "Logging error" for handlers whose streams are closed by now.

    Called first by whatever runs at exit here: their logs have nowhere to go any more.
    """
    logging.raiseExceptions = False
