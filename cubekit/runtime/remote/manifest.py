"""The manifest of another service, ``/cubes``, as far as it is read here. Anything may stand in it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic.alias_generators import to_camel

from cubekit.composition.service_file import InstanceName
from cubekit.discovery.cubes import normalised
from cubekit.ground.colours import Colour
from cubekit.ground.versions import Version

__all__ = ["ContractDocument", "Manifest", "ManifestCube", "ManifestOperation", "reasons_of"]


VersionText = Annotated[str, AfterValidator(lambda text: str(Version(text)))]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, alias_generator=to_camel, arbitrary_types_allowed=True)


class HttpForm(_Part):
    """How an operation is asked for."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: Annotated[str, StringConstraints(pattern=r"^/[A-Za-z0-9_\-./{}]*$")]


class ManifestOperation(_Part):
    """One operation of a cube."""

    name: str
    http: HttpForm
    whole_body: str | None = None
    """The parameter that is the whole body."""
    idempotent: bool = False


class ManifestContract(_Part):
    """One contract that a cube provides."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*([-._][a-z0-9]+)*$")]
    version: VersionText


class ManifestContracts(_Part):
    """What a cube promises."""

    provides: tuple[ManifestContract, ...]


class ManifestCube(_Part):
    """One instance of a cube."""

    name: InstanceName
    cube: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$"), AfterValidator(normalised)]
    colour: Colour | None
    """None of one that could not be looked at there."""
    version: VersionText | None
    engine: str | None
    contracts: ManifestContracts
    operations: tuple[ManifestOperation, ...]
    state: str

    @property
    def own(self) -> bool:
        """Whether the cube is really there, and not in yet another service."""
        return self.engine not in {None, "remote"}


class Manifest(_Part):
    """What a service is made of."""

    service: InstanceName
    cubes: tuple[ManifestCube, ...]


class ContractParameter(_Part):
    """A parameter of a method."""

    required: bool
    type_schema: dict[str, Any] = Field(alias="schema")


class ContractMethod(_Part):
    """A method of a contract."""

    kind: str
    parameters: dict[str, ContractParameter]
    returns: dict[str, Any]


class ContractDocument(_Part):
    """A contract as another service has it; see `cubekit.composition.contract_documents`."""

    methods: dict[str, ContractMethod]


class _HealthCheck(_Part):
    output: str = ""


class _Health(_Part):
    checks: dict[str, tuple[_HealthCheck, ...]]


def reasons_of(health: bytes) -> str:
    """Why a cube is not well, by what ``/health/{instance}`` has answered; empty if that does not say."""
    try:
        checks = _Health.model_validate_json(health).checks
    except ValidationError:
        return ""
    return "; ".join(dict.fromkeys(check.output for copies in checks.values() for check in copies if check.output))
