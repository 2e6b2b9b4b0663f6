"""Code that comes with a run."""

from pipelinerun.api.code import code_hash
from pipelinerun.api.definition import Code


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
