"""What a process needs to run one stage; travels there with the task."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pipelinerun.api.job import RunIdentity
from pipelinerun.api.stage import Stage
from pipelinerun.engine.context import StageContext, logger_of
from pipelinerun.engine.dead_letters import LetterFiles
from pipelinerun.engine.depth import make_room
from pipelinerun.engine.ledger import Address
from pipelinerun.engine.loading import bound
from pipelinerun.engine.packages import Packages
from pipelinerun.engine.parcels import packed


@dataclass(frozen=True)
class StagePlan:
    """One stage of one run.

    Attributes:
        stage: its definition.
        run: identity of the run, for the context.
        files: code that comes with the run, by path.
        packages: what has to be installed for the run, exactly.
        address: the ledger to report to.
        stages: how many stages the run has.
        dead_letters: where rows go that the stage fails on: files, or a sink.
        batches: rows of a batch at most, and its format, where a block is yet to be cut into them.
        streams: whether what it puts out goes on in blocks as they are.
        entrance: whether rows enter the pipeline here, from a reader that Ray Data runs.
        parcels: whether its rows come in parcels, with those of other stages.
        to: stages that what it puts out is addressed to, in parcels; none where rows go on as such.
        queued: whether its rows reach a queue that is bounded.
    """

    stage: Stage
    run: RunIdentity
    files: Mapping[str, str]
    packages: Packages
    address: Address
    stages: int
    dead_letters: LetterFiles | Stage | None = None
    streams: bool = False
    entrance: bool = False
    parcels: bool = False
    to: tuple[str, ...] = ()
    batches: tuple[int, str] | None = None
    queued: bool = False

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        # The last moment before Ray Data calls the stages that it has fused, one within the other.
        self.__dict__.update(state)
        make_room(self.stages)

    def bind(self, stopping: Callable[[], bool]) -> Callable[..., Any]:
        """Load the stage's code and fill in config and context.

        A class is made into an object, whose ``__call__`` is returned.
        """
        return bound(self.stage, self._context(stopping))

    def bind_letters(self, sink: Stage, stopping: Callable[[], bool]) -> Callable[..., Any]:
        """The same for the code that takes what the stage fails on."""
        return bound(sink, self._context(stopping))

    def sent(self, block: Any) -> Any:
        """A block that the stage puts out, as it goes on."""
        return packed(block, self.to) if self.to else block

    def _context(self, stopping: Callable[[], bool]) -> StageContext:
        return StageContext(
            stage=self.stage.name,
            name=self.run.name,
            namespace=self.run.namespace,
            uid=self.run.uid,
            attempt=self.run.attempt,
            params=dict(self.run.params),
            logger=logger_of(self.stage.name),
            _stopping=stopping,
        )
