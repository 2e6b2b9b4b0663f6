"""Code that comes with a run."""

import pytest

from pipelinerun.api.code import Code
from pipelinerun.api.code_files import MAX_CODE_BYTES, code_hash, with_config_map
from pipelinerun.api.violations import InvalidDefinitionError


def test_the_same_files_in_any_order_are_the_same_code() -> None:
    one, other = (
        Code(files=dict(items))
        for items in ([("a.py", "1"), ("b.py", "2")], [("b.py", "2"), ("a.py", "1")])
    )
    assert code_hash(one) == code_hash(other)


def test_other_names_texts_or_borders_are_other_code() -> None:
    codes = [
        *({}, {"a.py": ""}, {"a.py": "1"}, {"b.py": "1"}, {"a.py": "1", "b.py": ""}),
        {"a.py": "1b.py"},
    ]
    assert len({code_hash(Code(files=files)) for files in codes}) == len(codes)


def test_the_modules_of_a_config_map_are_files_like_others() -> None:
    code = Code(files={"a.py": "1"}, config_map="steps")
    found = with_config_map(code, {"b.py": "2", "notes.txt": "3", "no-module.py": "4"})
    assert found == Code(files={"a.py": "1", "b.py": "2"})


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "code.configMap: 'steps' has no key that names a Python module, such as steps.py"),
        ({"no-module.py": ""}, "code.configMap: 'steps' has no key"),
        ({"a.py": "2", "b.py": "3"}, "code.configMap: a.py is in code.files as well"),
        ({"b.py": "x" * MAX_CODE_BYTES}, f"code.files: {MAX_CODE_BYTES + 1} bytes are more than"),
    ],
)
def test_a_config_map_that_is_no_code_is_refused(data: dict[str, str], message: str) -> None:
    code = Code(files={"a.py": "1"}, config_map="steps")
    with pytest.raises(InvalidDefinitionError) as caught:
        with_config_map(code, data)
    assert str(caught.value).startswith(message)
