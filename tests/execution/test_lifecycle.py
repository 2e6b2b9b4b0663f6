"""The lifecycle manager: validation, services, execution."""

import signal

import pytest
from running import DEFINITION, eventually, job, python, strategy, traced

from pipelinerun.api.exit_codes import ExitCode
from pipelinerun.api.job import PipelineJob
from pipelinerun.execution.lifecycle import PipelineLifecycleManager, PipelineStartupError
from pipelinerun.execution.options import ExecutionOptions
from pipelinerun.execution.result import PipelineFailedError

BACKGROUND = ExecutionOptions(block=False)
WAIT_FOR_STOP = "it = Interruption(); it.stopping.wait(); code = 143"

pytestmark = pytest.mark.usefixtures("trace")


class Recorder:
    """A service that writes down what happens to it."""

    def __init__(self, name: str, log: list[str], *, fails: str = "") -> None:
        self._name, self._log, self._fails = name, log, fails

    def start(self) -> None:
        self._act("start")

    def stop(self) -> None:
        self._act("stop")

    def _act(self, what: str) -> None:
        self._log.append(f"{what} {self._name}")
        if self._fails == what:
            raise RuntimeError(f"{self._name} does not {what}")


@pytest.fixture
def log() -> list[str]:
    return []


def manager(
    log: list[str], *, fails: str = "", target: str = "succeed"
) -> PipelineLifecycleManager:
    services = [Recorder("one", log), Recorder("two", log, fails=fails), Recorder("three", log)]
    return PipelineLifecycleManager(strategy(target), services)


ALL = ["start one", "start two", "start three", "stop three", "stop two", "stop one"]


def test_services_run_around_a_blocking_execution(log: list[str]) -> None:
    result = manager(log).start(job(""))
    assert result.elapsed_time is not None
    assert log == ALL


def test_services_stop_when_the_pipeline_fails_and_its_error_stays_what_it_is(
    log: list[str],
) -> None:
    with pytest.raises(PipelineFailedError, match="exit code 7") as caught:
        manager(log).start(job("code = 7"))
    assert not isinstance(caught.value, PipelineStartupError)
    assert log == ALL


def test_a_service_that_does_not_stop_keeps_neither_the_others_nor_the_result(
    log: list[str],
) -> None:
    assert manager(log, fails="stop").start(job("")).elapsed_time is not None
    assert log == ALL


def test_a_service_that_does_not_start_stops_those_before_it(log: list[str]) -> None:
    with pytest.raises(
        PipelineStartupError, match=r"^Pipeline startup failed: two does not start$"
    ) as caught:
        manager(log, fails="start").start(job(""))
    assert log == ["start one", "start two", "stop one"]
    assert caught.value.outcome.exit_code == ExitCode.CANNOT_START


def test_an_invalid_definition_starts_nothing(log: list[str]) -> None:
    wrong = DEFINITION.model_copy(update={"stages": DEFINITION.stages[:1]})
    with pytest.raises(PipelineStartupError, match=r"^Pipeline startup failed: .*sink") as caught:
        manager(log).start(PipelineJob(definition=wrong))
    assert log == []
    assert caught.value.outcome.exit_code == ExitCode.INVALID_DEFINITION
    assert caught.value.outcome.failure is not None
    assert caught.value.outcome.failure.class_ == "Config"


def test_a_runtime_that_does_not_load_is_a_failed_startup(log: list[str]) -> None:
    with pytest.raises(
        PipelineStartupError, match=r"^Pipeline startup failed: .*nowhere"
    ) as caught:
        manager(log, target="nowhere").start(job(""))
    assert log == ALL
    assert caught.value.outcome.exit_code == ExitCode.CANNOT_START


def test_services_stop_after_a_background_execution_has_ended(log: list[str]) -> None:
    handle = manager(log).start(job("import time; time.sleep(0.3)"), BACKGROUND).interface
    assert handle is not None
    assert log == ALL[:3]
    assert handle.wait() is not None
    assert eventually(lambda: log == ALL)


def test_stop_ends_the_pipeline_and_then_the_services(log: list[str]) -> None:
    it = manager(log, target="run")
    handle = it.start(job(WAIT_FOR_STOP), BACKGROUND).interface
    assert handle is not None
    it.stop()
    assert handle.outcome is not None
    assert log == ALL
    it.stop()
    assert log == ALL


def test_a_manager_runs_one_pipeline_after_the_other(log: list[str]) -> None:
    it = manager(log)
    it.start(job(""))
    it.start(job(""))
    assert log == ALL + ALL


AT_EXIT = """
import logging, sys
from running import job, strategy
from pipelinerun.execution.lifecycle import PipelineLifecycleManager
from pipelinerun.execution.options import ExecutionOptions

class Service:
    def start(self): pass
    def stop(self):
        open({path!r}, "w").close()
        raise RuntimeError("does not stop")

logging.basicConfig(stream=sys.stdout)
manager = PipelineLifecycleManager(strategy(), [Service()])
manager.start(job("import time; time.sleep(600)"), ExecutionOptions(block=False))
sys.stdout.close()
"""


def test_services_stop_at_exit_and_nothing_is_printed_on_closed_streams(
    trace: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stopped = tmp_path_factory.mktemp("exit") / "stopped"
    with python(AT_EXIT.format(path=str(stopped)), trace) as parent:
        assert parent.communicate() == ("", "")
    assert parent.returncode != -signal.SIGKILL
    assert stopped.exists()
    assert traced(trace) == []
