"""Environment variables in files loaded from disk."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelinerun.api.environment import substitute, variables

ENVIRONMENT = {
    "WORD": "text",
    "NUMBER": "42",
    "SHARE": "0.25",
    "FLAG": "true",
    "EMPTY": "",
    "DAY": "2026-01-31",
    "TIME": "12:30",
    "SECRET": "a #b: *c",
    "MERGE": "<<",
    "LIST": "[1, 2]",
}


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("$WORD", "text"),
        ("$NUMBER", 42),
        ("$SHARE", 0.25),
        ("$FLAG", True),
        ("$DAY", "2026-01-31"),
        ("$TIME", "12:30"),
        ("$SECRET", "a #b: *c"),
        ("$MERGE", "<<"),
        ("$LIST", "[1, 2]"),
        ("$UNSET", ""),
        ("$EMPTY", ""),
        ("$UNSET|fallback", "fallback"),
        ("$EMPTY|fallback", "fallback"),
        ("$WORD|fallback", "text"),
        ("$UNSET|7", 7),
        ("$UNSET|null", None),
        ('$UNSET|"7"', "7"),
        ("$UNSET|'7'", "7"),
        ('$UNSET|"a|b"', "a|b"),
        ('$UNSET|$EMPTY|"x"', "x"),
        ("$UNSET|$NUMBER|1", 42),
        ("$UNSET||1", 1),
        ("$UNSET|$5", "$5"),
        ("$UNSET|$WORD-x", "$WORD-x"),
        ("$UNSET|two words", "two words"),
        ("${WORD}", "text"),
        ("${UNSET|7}", 7),
        ("${UNSET|$NUMBER}", 42),
        ("${WORD} and more", "${WORD} and more"),
        ("${}", "${}"),
        ("$WORD and more", "$WORD and more"),
        ("more $WORD", "more $WORD"),
        ("$(params.word)", "$(params.word)"),
        ("$", "$"),
        ("a|b", "a|b"),
        (5, 5),
        (None, None),
        ({"$WORD": ["$NUMBER", {"deep": "$WORD"}]}, {"$WORD": [42, {"deep": "text"}]}),
    ],
)
def test_the_first_alternative_that_is_set_takes_the_place(
    written: object, expected: object
) -> None:
    replaced = substitute(written, ENVIRONMENT)
    assert replaced == expected
    assert type(replaced) is type(expected)


def test_the_variables_that_are_put_in_are_known() -> None:
    written = {"a": ["$WORD", "$UNSET|$NUMBER"], "b": "$UNSET|$5", "c": "${FLAG|no}", "d": "FLAG"}
    assert list(variables(written, ENVIRONMENT)) == ["WORD", "NUMBER", "FLAG"]


@given(st.text())
def test_any_text_can_be_the_value_of_a_variable(text: str) -> None:
    assert isinstance(substitute("$X", {"X": text}), str | int | float | bool | None)


@given(st.text())
def test_any_text_can_be_an_alternative(text: str) -> None:
    substitute(f"$UNSET|{text}", {})


@given(st.text().filter(lambda text: not text.startswith("$")))
def test_what_names_no_variable_stays_as_it_is(text: str) -> None:
    assert substitute(text, ENVIRONMENT) == text
