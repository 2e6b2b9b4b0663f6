"""Stage code that comes with a run."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from pipelinerun.api.fields import Name, ObjectName
from pipelinerun.api.model import ApiModel
from pipelinerun.api.patterns import FOLDER_PATTERN, REPOSITORY_PATTERN
from pipelinerun.api.rules import Rule

Requirement = Annotated[str, Field(min_length=1, max_length=1024)]


class GitSource(ApiModel):
    """Python modules in a Git repository."""

    url: Annotated[str, StringConstraints(pattern=REPOSITORY_PATTERN, max_length=1024)]
    """Repository, such as https://git.example.org/team/steps.git, or over ssh
    git@git.example.org:team/steps.git."""
    ref: Annotated[str, Field(min_length=1, max_length=253)] | None = None
    """Branch, tag, or commit with all its 40 digits; the repository's HEAD when left out. Each
    attempt resolves it anew, and status.attempts says to which commit."""
    subdirectory: Annotated[str, Field(min_length=1, max_length=253)] | None = None
    """Folder whose files are imported by their path below it; the root when left out."""
    secret_ref: ObjectName | None = None
    """Secret in the run's namespace: with username and password (or a token as password), such as
    one of type kubernetes.io/basic-auth; over ssh with ssh-privatekey, such as one of type
    kubernetes.io/ssh-auth, and known_hosts. Only its worker pods are given it; needs mode
    Subprocess."""

    @property
    def over_ssh(self) -> bool:
        """Whether it is reached over ssh, and not http."""
        return not self.url.startswith("http")


class Uv(ApiModel):
    """Packages that uv installs: those of a list, or of a project's lock file."""

    RULES: ClassVar = (
        Rule(
            "packages",
            "has(self.packages) != has(self.project)",
            lambda it: (it.packages is None) != (it.project is None),
            "exactly one of packages and project is required",
        ),
        Rule(
            "groups",
            "!has(self.groups) || size(self.groups) == 0 || has(self.project)",
            lambda it: not it.groups or it.project is not None,
            "are of a project, and there is none",
        ),
        Rule(
            "extras",
            "!has(self.extras) || size(self.extras) == 0 || has(self.project)",
            lambda it: not it.extras or it.project is not None,
            "are of a project, and there is none",
        ),
    )

    packages: Annotated[list[Requirement], Field(min_length=1, max_length=128)] | None = None
    """Packages that the image lacks, as lines of a requirements file, such as inflect==7.5.0."""
    project: Annotated[str, StringConstraints(pattern=FOLDER_PATTERN, max_length=253)] | None = None
    """Folder of code.git with a pyproject.toml, . for its root. What its uv.lock names is
    installed, exactly, with hashes; the project itself is not: its modules are the run's code."""
    groups: Annotated[list[Name], Field(max_length=64)] = Field(default_factory=list)
    """Dependency groups of the project to install as well; none by default, not even dev."""
    extras: Annotated[list[Name], Field(max_length=64)] = Field(default_factory=list)
    """Optional dependencies of the project to install as well."""


class Code(ApiModel):
    """Stage code that comes with the run, besides what the image holds."""

    RULES: ClassVar = (
        Rule(
            "uv",
            "!has(self.uv) || !has(self.pip) || size(self.pip) == 0",
            lambda it: it.uv is None or not it.pip,
            "takes the place of pip: give one of them",
        ),
        Rule(
            "uv.project",
            "!has(self.uv) || !has(self.uv.project) || has(self.git)",
            lambda it: it.uv is None or it.uv.project is None or it.git is not None,
            "is a folder of code.git, which is missing",
        ),
    )

    files: Annotated[Mapping[str, str], Field(max_length=64)] = Field(default_factory=dict)
    """Python modules by relative path, for example steps.py or text/clean.py."""
    pip: Annotated[list[Requirement], Field(max_length=128)] = Field(default_factory=list)
    """Packages that the image lacks, as lines of a pip requirements file, such as inflect==7.5.0 or
    --index-url URL. They are installed when an attempt starts, unless they are cached."""
    uv: Uv | None = None
    """Packages that the image lacks, installed by uv instead of pip: a list or a locked project."""
    git: GitSource | None = None
    """Git repository with further modules, fetched when an attempt starts."""
    config_map: ObjectName | None = None
    """ConfigMap in the run's namespace with further modules: its keys that end in .py, such as
    steps.py. Each attempt has them as they are when it starts."""
