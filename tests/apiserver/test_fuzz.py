"""Ten thousand manifests, most with something wrong: each is refused in words, or ends."""

import asyncio
import json
import os
import re
import ssl
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import BytesIO

import pytest
import yaml
from aiohttp import ClientSession, TCPConnector
from pydantic import ValidationError

from pipelinerun.api.job import RunIdentity
from pipelinerun.api.load import load_manifest
from pipelinerun.api.prepare import prepare
from pipelinerun.api.run import PipelineRun
from pipelinerun.api.violations import InvalidDefinitionError, from_validation_error
from tests.apiserver.conftest import OPERATOR
from tests.cluster.controlplane import ControlPlane, free_ports
from tests.support.fuzzing import Case, Fuzzer
from tests.support.operator import OperatorProcess, running_operator
from tests.support.runs import Document, Runs, is_finished, manifest, stage
from tests.support.waiting import wait_for

pytestmark = pytest.mark.timeout(900)

COUNT = 10_000
SEED = "PIPELINERUN_FUZZ_SEED"
NAMESPACE = "fuzz"
RUNS = f"/apis/pipelinerun.dev/v1alpha1/namespaces/{NAMESPACE}/pipelineruns"
STRICT = "fieldValidation=Strict"
CONNECTIONS = 8
SAMPLE, SMALL = 1000, 20_000
"""So many manifests are read as text too, if they are not larger than so many bytes."""
TRIED = 150
"""Of the manifests that are let in, so many are really applied."""
ETCD_TAKES = 1_000_000
"""Characters; what is larger is let in by a dry run alone."""
IN_PROCESS = 12
"""Of those, at most so many run on the operator's Ray."""

FIELD = re.compile(
    r"\b(spec|metadata|ObjectMeta)\.\w|\.(kind|apiVersion)\b|unknown field \"[^\"]*\""
    r"|\bv1\.ObjectMeta$"  # the metadata as a whole
)
TOO_LARGE = 413

ONLY_THE_OPERATOR = {
    r"resumeFrom|pipeline\.(stages|edges|finally)\b": "the graph: CEL has no rules over paths",
    r"params: ": "values against declarations and uses: CEL cannot look into free-form config",
    r"code\.files": "names and total size of files: the keys of maps have no rules in a schema",
}
"""What the API server lets in and the operator refuses, by the violation, and why that is so."""
ONLY_IN_A_FILE = {
    r"should be a valid integer": "1.0: JSON has no integers, and the API server takes it for 1",
    r"metadata\.(labels|annotations)": "null: to the API server an empty text",
}
"""What the API server lets in and `pipelinerun validate` refuses."""
ONLY_THE_API_SERVER = {
    r"metadata\.\w+": "names, labels, annotations, finalizers: Kubernetes' own rules",
    r"Request entity too large|etcdserver: request is too large": "the size of the whole object",
}
"""What `pipelinerun validate` lets pass and the API server refuses."""


@dataclass(frozen=True)
class Verdict:
    """What the API server says of a manifest.

    Attributes:
        case: the manifest.
        code: of its answer.
        message: why it is refused.
        fields: that are to blame.
    """

    case: Case
    code: int
    message: str = ""
    fields: tuple[str, ...] = ()

    @property
    def admitted(self) -> bool:
        """Whether it is let in."""
        return self.code == 201


class Api:
    """Sends manifests to the API server, some at a time, over few connections."""

    def __init__(self, plane: ControlPlane) -> None:
        self._url = f"{plane.url}{RUNS}"
        self._context = ssl.create_default_context(cafile=str(plane.authority))
        (user,) = yaml.safe_load(plane.kubeconfig.read_text())["users"]
        self._headers = {
            "Authorization": f"Bearer {user['user']['token']}",
            "Content-Type": "application/json",
        }

    def verdicts(self, cases: list[Case], query: str) -> list[Verdict]:
        """What it says of each manifest, in their order."""
        return asyncio.run(self._all(cases, query))

    async def _all(self, cases: list[Case], query: str) -> list[Verdict]:
        found: dict[int, Verdict] = {}
        waiting = iter(enumerate(cases))
        connector = TCPConnector(ssl=self._context, limit=CONNECTIONS)
        async with ClientSession(connector=connector, headers=self._headers) as session:

            async def work() -> None:
                for number, case in waiting:
                    found[number] = await self._one(session, case, query)

            await asyncio.gather(*(work() for _ in range(CONNECTIONS)))
        return [found[number] for number in range(len(cases))]

    async def _one(self, session: ClientSession, case: Case, query: str) -> Verdict:
        body = BytesIO(json.dumps(case.document).encode())
        async with session.post(f"{self._url}?{query}", data=body) as answer:
            verdict = Verdict(case, answer.status)
            if verdict.admitted:
                await answer.read()
                return verdict
            told = json.loads(await answer.text())
            causes = (told.get("details") or {}).get("causes") or ()
            fields = tuple(it["field"] for it in causes if it.get("field"))
            return replace(verdict, message=told["message"], fields=fields)


@pytest.fixture(scope="module")
def seed() -> int:
    return int(os.environ.get(SEED, "1"))


@pytest.fixture(scope="module")
def api(cluster: ControlPlane) -> Api:
    cluster.kubectl("create", "namespace", NAMESPACE)
    cluster.kubectl("create", "serviceaccount", "default", "-n", NAMESPACE)
    return Api(cluster)


@pytest.fixture(scope="module")
def verdicts(api: Api, seed: int) -> list[Verdict]:
    """What the API server says of all of them, without keeping them."""
    return api.verdicts([*Fuzzer(seed, NAMESPACE).cases(COUNT)], f"dryRun=All&{STRICT}")


def test_every_refusal_names_the_field(
    verdicts: list[Verdict], seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    counts = Counter(verdict.code for verdict in verdicts)
    with capsys.disabled():
        print(f"\nfuzz: {len(verdicts)} manifests, {SEED}={seed}, answers {dict(counts)}")
    assert counts.keys() <= {201, 400, 422, TOO_LARGE}
    wordless = [
        (verdict.code, verdict.message)
        for verdict in verdicts
        if not (verdict.admitted or verdict.fields or FIELD.search(verdict.message))
        and verdict.code != TOO_LARGE
    ]
    assert wordless == []
    assert counts[201] > len(verdicts) / 10


def test_the_command_line_and_the_api_server_differ_only_where_they_must(
    verdicts: list[Verdict], capsys: pytest.CaptureFixture[str]
) -> None:
    differences: Counter[str] = Counter()
    unexplained = []
    for verdict in verdicts:
        wrong = violations(verdict.case.document)
        if verdict.admitted == (not wrong):
            continue
        said, reasons = (
            (wrong, ONLY_THE_OPERATOR | ONLY_IN_A_FILE)
            if verdict.admitted
            else ([verdict.message], ONLY_THE_API_SERVER)
        )
        for text in said:
            known = [why for pattern, why in reasons.items() if re.search(pattern, text)]
            differences.update(known[:1])
            if not known:
                unexplained.append((text, verdict.case))
    with capsys.disabled():
        for why, count in differences.most_common():
            print(f"\nfuzz: {count:5} {why}", end="")
    assert unexplained == []


def violations(document: Document) -> list[str]:
    """What ``pipelinerun validate`` says of a manifest that has been read from its file."""
    # Half a character is replaced by the API server, and no file can hold it.
    whole = json.loads(json.dumps(document).replace("\\ud800", "\\ufffd"))
    try:
        spec = PipelineRun.model_validate(whole).spec
        prepare(spec, RunIdentity())
    except ValidationError as error:
        return [str(violation) for violation in from_validation_error(error)]
    except InvalidDefinitionError as error:
        return [str(violation) for violation in error.violations]
    return []


def test_reading_a_file_changes_no_verdict(seed: int) -> None:
    for case in Fuzzer(seed, NAMESPACE).cases(SAMPLE):
        text = json.dumps(case.document)
        if len(text) <= SMALL:
            # JSON, but no YAML: keys of more than 1024 characters, half characters.
            wrong = violations_of_text(text)
            assert bool(wrong) == bool(violations(case.document)) or "not YAML" in wrong[0], case


def violations_of_text(text: str) -> list[str]:
    try:
        prepare(load_manifest(text).spec, RunIdentity())
    except InvalidDefinitionError as error:
        return [str(violation) for violation in error.violations]
    return []


@pytest.fixture(scope="module")
def port() -> int:
    (port,) = free_ports(1)
    return port


@pytest.fixture(scope="module")
def operator(
    cluster: ControlPlane, port: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OperatorProcess]:
    log = tmp_path_factory.mktemp("fuzz") / "operator.log"
    options = [
        *("-n", NAMESPACE, "--in-process-namespace", NAMESPACE, "--http-port", str(port)),
        *("--worker-image", "worker:1"),
    ]
    with running_operator(cluster.kubeconfig_for(OPERATOR), log, options) as process:
        yield process


@pytest.fixture(scope="module")
def applied(
    cluster: ControlPlane, api: Api, verdicts: list[Verdict], operator: OperatorProcess
) -> Iterator[list[Case]]:
    """Manifests that are let in, and really applied; nothing of them is left."""
    operator.check_alive()
    small = (verdict for verdict in verdicts if len(str(verdict.case.document)) < ETCD_TAKES)
    admitted = [verdict.case for verdict in small if verdict.admitted]
    chosen = [case for case in admitted if not in_process(case)][:TRIED]
    chosen += [case for case in admitted if in_process(case)][:IN_PROCESS]
    assert [it.message for it in api.verdicts(chosen, STRICT) if not it.admitted] == []
    yield chosen
    for path in (RUNS, *(f"/api/v1/namespaces/{NAMESPACE}/{it}" for it in ("pods", "events"))):
        cluster.kubectl("delete", "--raw", path)


def in_process(case: Case) -> bool:
    return bool(case.document["spec"].get("mode") == "InProcess")


def test_no_manifest_wedges_the_operator(
    cluster: ControlPlane,
    runs: Runs,
    operator: OperatorProcess,
    port: int,
    applied: list[Case],
    capsys: pytest.CaptureFixture[str],
) -> None:
    def items() -> list[Document]:
        listed: list[Document] = cluster.get("pipelineruns", "-n", NAMESPACE)["items"]
        return listed

    wait_for(lambda: all(is_settled(run) for run in items()), 300, poll=1)
    phases = Counter(run["status"]["phase"] for run in items())
    with capsys.disabled():
        print(f"\nfuzz: {len(applied)} applied, {dict(phases)}")
    assert [wordless(run) for run in items() if wordless(run)] == []
    good = manifest("good", stage("square", "square"), namespace=NAMESPACE)
    assert runs.finish(good)["exitCode"] == 0
    operator.check_alive()
    assert "Traceback" not in operator.log.read_text()
    metrics = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10).read().decode()
    assert "pipelinerun_queue_depth 0.0" in metrics
    assert 'pipelinerun_reconciles_total{result="error"} 0.0' in metrics


def is_settled(run: Document) -> bool:
    """Whether the operator has done what it can: there is no kubelet that would run pods."""
    status = run.get("status", {})
    in_pod = run["spec"]["mode"] == "Subprocess"
    waiting = {"Suspended", "Starting"} if in_pod else {"Suspended"}
    return is_finished(status) or status.get("phase") in waiting


def wordless(run: Document) -> str | None:
    """What is missing in what a refused run says."""
    status = run["status"]
    if status["phase"] != "Failed" or status["failure"]["class"] != "Config":
        return None
    (succeeded,) = (it for it in status["conditions"] if it["type"] == "Succeeded")
    told = f"{run['metadata']['name']}: {status['exitCode']} {succeeded}"
    if status["exitCode"] != 2 or not succeeded["reason"]:
        return told
    return None if re.search(r"(spec|pipeline)\.\w", succeeded["message"]) else told
