"""Comparing what a page shows with what is printed."""

import pytest

from tests.support.pages import blocks, commands
from tests.support.transcripts import difference

PAGE = """\
Text.

```yaml title="run.yaml"
kind: PipelineRun
```

<!-- not run: it needs Docker -->
```console
$ docker build .
```

```console
$ one \\
>   --two
first
$ three
```
"""


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("", ""),
        ("a  b\n", "a b\n"),
        ("took 3.2 s\n", "took 17 s\n"),
        ("AGE\n12s\n", "AGE\n2m3s\n"),
        ("at 2026-01-02T03:04:05Z\n", "at 2027-11-12T13:14:15Z\n"),
        ("first\n…\nlast\n", "first\nlast\n"),
        ("first\n…\nlast\n", "first\n1\n2\nlast\n"),
        ("line 7 of …\n", "line 7 of steps.py\n"),
        ("────\n", "──────\n"),
        ("run-x7k2p created\n", "run-bcd4f created\n"),
    ],
)
def test_times_blanks_and_what_is_left_out_do_not_count(shown: str, printed: str) -> None:
    assert difference(shown, printed, {}) is None


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("", "more\n"),
        ("more\n", ""),
        ("exit code 1\n", "exit code 2\n"),
        ("rows 5\n", "rows 6\n"),
        ("first\n…\nlast\n", "first\nlast\nmore\n"),
        ("text-x7k2p\n", "tent-x7k2p\n"),
    ],
)
def test_everything_else_counts(shown: str, printed: str) -> None:
    assert difference(shown, printed, {})


def test_a_generated_name_stays_the_same() -> None:
    names: dict[str, str] = {}
    assert difference("run-x7k2p created\n", "run-bcd4f created\n", names) is None
    assert names == {"x7k2p": "bcd4f"}
    assert difference("run-x7k2p\n", "run-bcd4f\n", names) is None
    assert difference("run-x7k2p\n", "run-zzzz5\n", names)


def test_a_page_has_files_commands_and_what_is_not_run() -> None:
    file, left_out, session = blocks(PAGE)
    assert (file.title, file.text) == ("run.yaml", "kind: PipelineRun\n")
    assert left_out.why_not == "it needs Docker"
    assert [(it.typed, it.printed) for it in commands(session.text)] == [
        ("one \\\n  --two\n", "first\n"),
        ("three\n", ""),
    ]
    assert PAGE[session.place] == session.text
