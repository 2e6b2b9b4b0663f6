"""Settings given at the start that win over those in the definition."""

from dataclasses import asdict, dataclass

from pipelinerun.api.definition import PipelineDefinition


@dataclass(frozen=True)
class RuntimeOverrides:
    """Overrides of the definition's ``runtime``; None keeps what the definition says.

    Attributes:
        disable_dynamic_scaling: run every stage with its static number of replicas.
        dynamic_memory_threshold: share of the object store that rows in flight may fill, 0 to 1.
        static_memory_threshold: share of the memory that stages with memoryStaticGlobalPercent may
            need together, 0 to 1.
    """

    disable_dynamic_scaling: bool | None = None
    dynamic_memory_threshold: float | None = None
    static_memory_threshold: float | None = None

    def __post_init__(self) -> None:
        for name in ("dynamic_memory_threshold", "static_memory_threshold"):
            threshold = getattr(self, name)
            if threshold is not None and not 0 <= threshold <= 1:
                raise ValueError(f"{name} must be from 0 to 1, not {threshold}")

    def apply(self, definition: PipelineDefinition) -> PipelineDefinition:
        """A copy of the definition with the overrides in it; the original stays as it is."""
        given = {name: value for name, value in asdict(self).items() if value is not None}
        if not given:
            return definition
        runtime = definition.runtime.model_copy(update=given)
        return definition.model_copy(update={"runtime": runtime})
