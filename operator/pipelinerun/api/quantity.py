"""Kubernetes quantities of bytes."""

import re
from decimal import Decimal

from pipelinerun.api.patterns import QUANTITY_PATTERN

_FACTORS = {
    None: 1,
    "k": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
}


def parse_quantity(text: str) -> int:
    """Bytes that a quantity such as ``512Mi`` stands for.

    Raises:
        ValueError: not a quantity of bytes.
    """
    match = re.fullmatch(QUANTITY_PATTERN, text, re.ASCII)
    if match is None:
        raise ValueError(f"{text!r} is not a quantity of bytes such as 512Mi")
    number, suffix = match.groups()
    return int(Decimal(number) * _FACTORS[suffix])
