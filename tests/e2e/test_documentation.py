"""The README and the tutorial, command by command, as their readers follow them."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import image
from tests.cluster.binaries import provide, provide_helm
from tests.cluster.node import Cluster
from tests.support.helm import CHART, ROOT
from tests.support.installation import Installation
from tests.support.pages import blocks
from tests.support.sessions import Session

pytestmark = pytest.mark.timeout(900)

VERSION = "0.1.0"
PAGES = [ROOT / "README.md", ROOT / "docs" / "tutorial.md"]
SHELLS = {"sh", "shell", "bash", "console"}
NOT_RUN = 4
"""Blocks of both pages together that may say why they are not run."""


@pytest.fixture(scope="module")
def reader(
    cluster: Cluster, operator: Installation, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Session]:
    """Somebody with a checkout, the tools, and a cluster that has the image."""
    repository = image.IMAGE.rpartition(":")[0]
    cluster.ctr("images", "tag", "--force", image.IMAGE, f"{repository}:{VERSION}")
    folder = tmp_path_factory.mktemp("checkout")
    for part in ("charts", "examples"):
        (folder / part).symlink_to(ROOT / part)
    tools = [Path(sys.executable).parent, provide().kubectl.parent, provide_helm().parent]
    environment = {
        **os.environ,
        "PATH": ":".join([*map(str, tools), os.environ["PATH"]]),
        "KUBECONFIG": str(cluster.kubeconfig),
        "COLUMNS": "80",
    }
    yield Session(folder, environment, {"YOUR/pipelinerun-operator": repository})
    operator.install()


@pytest.mark.parametrize("page", PAGES, ids=lambda it: it.stem)
def test_what_a_page_says_is_what_comes_out(cluster: Cluster, reader: Session, page: Path) -> None:
    try:
        reader.follow(page, [it for it in blocks(page.read_text()) if it.why_not is None])
    finally:
        cluster.kubectl("delete", "pipelineruns", "--all")


def test_few_commands_are_left_out_and_each_says_why() -> None:
    shown = [it for page in PAGES for it in blocks(page.read_text()) if it.language in SHELLS]
    assert len([it for it in shown if it.why_not]) <= NOT_RUN
    assert [it.text for it in shown if it.language != "console" and not it.why_not] == []


def test_the_image_that_helm_asks_for_is_the_one_that_is_built() -> None:
    assert f"appVersion: {VERSION}" in (CHART / "Chart.yaml").read_text().splitlines()
