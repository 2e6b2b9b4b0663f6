"""What comes from Secrets is hidden."""

import pytest

from pipelinerun.api.names import SECRET_VARIABLES
from pipelinerun.engine.failure import of_stage
from pipelinerun.engine.secrets import hidden

KEY = "-----BEGIN KEY-----\nMIIEpAIBAAKC\n-----END KEY-----\n"
ENVIRONMENT = {
    SECRET_VARIABLES: "PASSWORD,LONGER,KEY,PIN,ABSENT",
    "PASSWORD": "tiger",
    "LONGER": "tiger-scott",
    "KEY": KEY,
    "PIN": "1",
    "REGION": "north",
}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("login with tiger failed", "login with *** failed"),
        ("tiger-scott and tiger", "*** and ***"),
        ("in north, 1 row", "in north, 1 row"),
        (f"bad key {KEY!r}", "bad key '***\\n***\\n***\\n'"),
        ("", ""),
    ],
)
def test_values_and_their_lines_are_hidden(text: str, shown: str) -> None:
    assert hidden(text, ENVIRONMENT) == shown


def test_nothing_is_hidden_where_nothing_comes_from_secrets() -> None:
    assert hidden("tiger", {"PASSWORD": "tiger"}) == "tiger"


def test_a_value_is_hidden_before_a_message_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SECRET_VARIABLES, "PASSWORD")
    monkeypatch.setenv("PASSWORD", "scott-tiger")
    for length in range(1000, 1030):
        failure, _ = of_stage("login", ValueError("x" * length + "scott-tiger"))
        assert "scott" not in failure.model_dump_json()
