"""Jobs on their way to a pod."""

import random
from pathlib import Path

import pytest

from pipelinerun.api.code import Code
from pipelinerun.api.delivery import LIMIT, pack, unpack
from pipelinerun.api.violations import InvalidDefinitionError
from tests.support.examples import MANIFESTS, job, read


@pytest.mark.parametrize("path", MANIFESTS, ids=str)
def test_a_job_arrives_as_it_was_sent(path: Path) -> None:
    name = read(path).metadata.name or ""
    sent = job(name)
    assert unpack(pack(sent)) == sent


def test_the_largest_code_that_people_write_arrives() -> None:
    words = ["value", "row", "return", "self", "data", "index", "name", "result", "for", "in"]
    chooser = random.Random(1)
    lines = (" ".join(chooser.choices(words, k=8)) + f" {chooser.random()}" for _ in range(9000))
    text = "\n".join(lines)[: 500 * 1024]
    sent = job("hello").model_copy(update={"code": Code(files={"steps.py": text})})
    assert len(pack(sent)) <= LIMIT
    assert unpack(pack(sent)) == sent


def test_what_is_too_large_is_refused_by_field() -> None:
    noise = random.Random(1).randbytes(250 * 1024).hex()
    sent = job("hello").model_copy(update={"code": Code(files={"steps.py": noise})})
    with pytest.raises(InvalidDefinitionError, match=r"code: .* Build an image"):
        pack(sent)


def test_the_same_job_is_the_same_text() -> None:
    assert pack(job("text")) == pack(job("text"))


@pytest.mark.parametrize("text", ["", "no", "bm8=", "H4sIAAAAAAAA"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a packed job"):
        unpack(text)
