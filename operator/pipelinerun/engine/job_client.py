"""Ray's job submission: the client of a cluster's dashboard. Reaches into its private parts.

Ray's client waits for an answer without end, and cannot leave a word for a job that runs. A package
can be uploaded under any name, which puts it into the cluster's key-value store, where the job's
driver reads it.
"""

import asyncio
import logging
import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import requests
from ray.exceptions import AuthenticationError
from ray.experimental import internal_kv
from ray.job_submission import JobSubmissionClient

_CONNECT_SECONDS, _ANSWER_SECONDS = 10.0, 60.0
_LOOK_SECONDS = 0.5
_NO_TOKEN = {"Authorization": ""}
"""Without a header of ours Ray sends the token of whatever Ray this process belongs to."""
_ADDRESSES = ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS")
"""Variables that win over the address which is given to Ray's client."""
_UNKNOWN_JOB = 404
_STORE = "gcs://"


class ClusterRefusedError(Exception):
    """The cluster, or what is at its address, takes no jobs from us, and will not later either."""


class ClusterUnreachableError(Exception):
    """The cluster does not answer, or cannot do what was asked now."""


@dataclass(frozen=True)
class JobState:
    """What a cluster knows of a job.

    Attributes:
        status: PENDING, RUNNING, SUCCEEDED, FAILED or STOPPED.
        exit_code: of the driver, if it ran: as ``Popen.returncode``.
        error: Ray's word for why it failed, such as JOB_SUPERVISOR_ACTOR_DIED.
        message: the same for people.
    """

    status: str
    exit_code: int | None
    error: str | None
    message: str

    @property
    def ended(self) -> bool:
        """Whether it does not run any more, and never will."""
        return self.status in {"SUCCEEDED", "FAILED", "STOPPED"}


class JobClient:
    """Submits jobs to a cluster and looks after them.

    Every method may raise ``ClusterUnreachableError`` or ``ClusterRefusedError``.
    """

    def __init__(self, address: str, token: str | None) -> None:
        """Connect to the dashboard at an address.

        Raises:
            ClusterRefusedError: there is no dashboard, or the token is wrong.
            ClusterUnreachableError: nobody answers.
        """
        headers = {"Authorization": f"Bearer {token}"} if token else _NO_TOKEN
        with _classified(), _without(_ADDRESSES):
            self._client = _Client(address, headers=dict(headers))

    def state(self, job: str) -> JobState | None:
        """What is known of a job; None when there is none of that name."""
        with _classified():
            found = self._client.find(job)
        if found is None:
            return None
        return JobState(
            found["status"],
            found.get("driver_exit_code"),
            found.get("error_type"),
            found.get("message") or "",
        )

    def submit(
        self,
        job: str,
        command: str,
        *,
        files: Mapping[str, str],
        modules: Sequence[Path],
        variables: Mapping[str, str],
    ) -> None:
        """Submit a job; one of that name that is there already is the one.

        Args:
            job: its name.
            command: what its driver runs, in a folder with the files.
            files: texts by name.
            modules: folders of packages that its processes can import.
            variables: environment variables of its processes.
        """
        with tempfile.TemporaryDirectory() as folder, _classified():
            for name, text in files.items():
                Path(folder, name).write_text(text)
            environment = {
                "working_dir": folder,
                "py_modules": [str(it) for it in modules],
                "excludes": ["__pycache__"],
                "env_vars": dict(variables),
            }
            try:
                self._client.submit_job(
                    entrypoint=command, submission_id=job, runtime_env=environment
                )
            except RuntimeError:
                if self._client.find(job) is None:
                    raise

    def stop(self, job: str) -> None:
        """Tell a job to end; it gets SIGTERM."""
        with _classified():
            self._client.stop_job(job)

    def leave_word(self, job: str, word: bytes) -> None:
        """Put something where the job's driver finds it, in place of what was there."""
        with _classified():
            self._client.put(word_for(job), word)

    def follow(self, job: str, show: Callable[[str], None], given_up: threading.Event) -> None:
        """Show a job's log from its beginning, piece by piece, until it is complete."""

        async def read() -> None:
            async for text in self._client.tail_job_logs(job):
                show(text)

        async def read_until_given_up() -> None:
            reading = asyncio.ensure_future(read())
            while not reading.done():
                await asyncio.wait([reading], timeout=_LOOK_SECONDS)
                if given_up.is_set():  # the node with the log may be gone without a word
                    reading.cancel()
            with suppress(asyncio.CancelledError):
                await reading

        with _classified():
            asyncio.run(read_until_given_up())

    def log(self, job: str) -> str:
        """All that there is of a job's log now."""
        with _classified():
            return str(self._client.get_job_logs(job))


def word_for(job: str) -> str:
    """Where words for a job are, in the cluster's key-value store."""
    return f"pipelinerun-word-{job}"


def word_left(job: str) -> bytes | None:
    """What was left for a job. Called in its driver, once Ray is up."""
    found: bytes | None = internal_kv._internal_kv_get(f"{_STORE}{word_for(job)}")  # noqa: SLF001 - no other
    return found


def forget_word(job: str) -> None:
    """Leave nothing behind."""
    internal_kv._internal_kv_del(f"{_STORE}{word_for(job)}")  # noqa: SLF001 - no other


class _Client(JobSubmissionClient):  # type: ignore[misc]  # Ray is not typed
    def _do_request(self, method: str, endpoint: str, **options: Any) -> Any:
        timeout = (_CONNECT_SECONDS, _ANSWER_SECONDS)
        return super()._do_request(method, endpoint, timeout=timeout, **options)

    def find(self, job: str) -> Any:
        """A job as JSON: what other versions of Ray add to it does not matter."""
        answer = self._do_request("GET", f"/api/jobs/{job}")
        if answer.status_code == _UNKNOWN_JOB:
            return None
        answer.raise_for_status()
        return answer.json()

    def put(self, name: str, data: bytes) -> None:
        self._do_request("PUT", f"/api/packages/gcs/{name}", data=data).raise_for_status()


@contextmanager
def _classified() -> Iterator[None]:
    try:
        yield
    except AuthenticationError as error:
        text = "the cluster asks for a token, and takes none or not this one"
        raise ClusterRefusedError(f"{text}: {str(error).splitlines()[0]}") from error
    except requests.exceptions.JSONDecodeError as error:
        raise ClusterRefusedError("something else than a Ray dashboard is there") from error
    except (requests.exceptions.InvalidURL, requests.exceptions.SSLError) as error:
        raise ClusterRefusedError(str(error)) from error
    except RuntimeError as error:
        if "check returned 404" in str(error):
            raise ClusterRefusedError(f"no jobs are taken there: {error}") from error
        raise ClusterUnreachableError(str(error)) from error
    except (requests.RequestException, aiohttp.ClientError, OSError) as error:
        raise ClusterUnreachableError(str(error)) from error


@contextmanager
def _without(names: Sequence[str]) -> Iterator[None]:
    before = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(before)


for _name in ("dashboard_sdk", "job.sdk"):
    # They tell every upload and every end of a connection.
    logging.getLogger(f"ray.dashboard.modules.{_name}").setLevel(logging.WARNING)
logging.getLogger("ray._private.runtime_env.packaging").setLevel(logging.WARNING)
