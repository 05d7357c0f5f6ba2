"""Who may attest the files of a distribution: the trusted publishers of PEP 740, by their names on PyPI.

Of the environment of a workflow certificates say nothing, so it is no part of who somebody is.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

__all__ = ["CircleCI", "GitHub", "GitLab", "Google", "TrustedPublisher"]

Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]


class _Publisher(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    def __str__(self) -> str:
        return " ".join(self.model_dump(exclude_none=True).values())


class GitHub(_Publisher):
    """A workflow of a repository on GitHub."""

    kind: Literal["GitHub"]
    repository: Text
    """Such as ``ada/greeter``."""
    workflow: Text
    """Its file in ``.github/workflows``, such as ``release.yml``."""


class GitLab(_Publisher):
    """A pipeline of a project on gitlab.com."""

    kind: Literal["GitLab"]
    repository: Text
    """Such as ``ada/greeter``."""
    workflow_filepath: Text
    """Such as ``.gitlab-ci.yml``."""


class Google(_Publisher):
    """A service account of Google Cloud."""

    kind: Literal["Google"]
    email: Text


class CircleCI(_Publisher):
    """A pipeline of a project on CircleCI."""

    kind: Literal["CircleCI"]
    project_id: Text
    pipeline_definition_id: Text
    vcs_origin: Text | None = None
    """The repository, such as ``github.com/ada/greeter``; None for any."""
    vcs_ref: Text | None = None
    """The branch or tag, such as ``refs/heads/main``; None for any."""


TrustedPublisher = Annotated[GitHub | GitLab | Google | CircleCI, Field(discriminator="kind")]
