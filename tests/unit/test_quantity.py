"""Quantities of bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelinerun.api.quantity import parse_quantity


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("1024", 1024),
        ("1k", 1000),
        ("1Ki", 1024),
        ("512Mi", 512 * 2**20),
        ("1.5Gi", 3 * 2**29),
        ("2G", 2 * 10**9),
        ("3T", 3 * 10**12),
        ("4Ti", 4 * 2**40),
        ("5M", 5 * 10**6),
        ("0.1Ki", 102),
    ],
)
def test_a_quantity_is_a_number_of_bytes(text: str, size: int) -> None:
    assert parse_quantity(text) == size


@pytest.mark.parametrize(
    "text",
    [
        *("", "Mi", "-1", "+1", "1e3", "1m", "1Kib", "1 Mi", " 1", "1\n", "1.", ".5", "1_000"),
        *("٣", "NaN", "Infinity", "1KMi", "1kk", "0x10"),
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a quantity of bytes such as 512Mi"):
        parse_quantity(text)


@given(st.integers(0, 2**20), st.sampled_from(["Ki", "Mi", "Gi", "Ti"]))
def test_binary_suffixes_are_powers_of_1024(number: int, suffix: str) -> None:
    power = ["Ki", "Mi", "Gi", "Ti"].index(suffix) + 1
    assert parse_quantity(f"{number}{suffix}") == number * 1024**power
