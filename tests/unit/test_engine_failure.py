"""From exceptions to failures."""

import pytest

from pipelinerun.api.limits import MESSAGE_LIMIT, TAIL_LIMIT
from pipelinerun.engine.failure import of_stage, qualified_name, root_cause, tail


class CustomError(Exception):
    pass


@pytest.mark.parametrize(
    ("error", "kind", "exit_code", "message"),
    [
        (ValueError("no"), "User", 1, "no"),
        (SystemExit(3), "User", 3, "the stage called sys.exit(3)"),
        (SystemExit(0), "User", 1, "the stage called sys.exit(0)"),
        (SystemExit(None), "User", 1, "the stage called sys.exit(None)"),
        (SystemExit("why"), "User", 1, "the stage called sys.exit('why')"),
        (SystemExit(-1), "User", 255, "the stage called sys.exit(-1)"),
        (SystemExit(512), "User", 1, "the stage called sys.exit(512)"),
        (MemoryError(), "OutOfMemory", 137, ""),
    ],
)
def test_exit_code_and_class(error: BaseException, kind: str, exit_code: int, message: str) -> None:
    failure, code = of_stage("s", error)
    assert (failure.class_, failure.stage, code, failure.message) == (kind, "s", exit_code, message)


def test_texts_are_bounded() -> None:
    failure, _ = of_stage("s", ValueError("x" * 1_000_000))
    assert len(failure.message) == MESSAGE_LIMIT
    assert failure.tail is not None
    assert len(failure.tail) <= TAIL_LIMIT


def test_names_have_their_module() -> None:
    assert qualified_name(ValueError()) == "ValueError"
    assert qualified_name(CustomError()) == f"{__name__}.CustomError"


def test_the_cause_is_looked_for_without_end_in_no_circle() -> None:
    one, two = ValueError("one"), ValueError("two")
    one.__cause__, two.__cause__ = two, one
    assert root_cause(one) is two
    wrapped = RuntimeError("wrapped")
    wrapped.cause = KeyError("root")  # type: ignore[attr-defined] # as Ray's errors have it
    assert isinstance(root_cause(wrapped), KeyError)


def test_a_tail_ends_with_the_exception() -> None:
    with pytest.raises(CustomError) as caught:
        raise CustomError("last line")
    lines = tail(caught.value).splitlines()
    assert lines[0].startswith("Traceback")
    assert lines[-1].endswith("CustomError: last line")
