"""Takes in the attestations that lie beside built files, if they are of those whom the distribution belongs to."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from glob import escape
from pathlib import Path

from cubekit.discovery.publishers import TrustedPublisher
from cubekit.discovery.registry import Registry, ReleaseFile
from cubekit.ground.diagnostics import CubekitError, Diagnostic
from cubekit.ground.toml_lines import TomlFile
from cubekit.registry.provenance import SUFFIX
from cubekit.registry.wheels import sha256_of

__all__ = ["attested"]


def attested(
    registry: Registry,
    distribution: str,
    declared: TrustedPublisher | None,
    files: Iterable[Path],
    metadata: TomlFile,
) -> tuple[list[TrustedPublisher], Mapping[str, bytes]]:
    """Return whom a distribution belongs to, and the provenance of every built file, verified.

    Without a trusted publisher there are none. Who is one stands in the registry once the first release does.

    :raises CubekitError: CK607 if another publisher is declared than the registry knows, CK615 if attestations are
        missing or not to be trusted, CK614 if the extra is missing with which they are verified.
    """
    entries = [entry for entry in registry.cubes.values() if entry.distribution == distribution]
    known = [one for entry in entries for one in entry.trusted_publishers]
    if distribution in registry.distributions:
        known += registry.distributions[distribution].trusted_publishers
    if known and declared and declared not in known:
        raise CubekitError(
            Diagnostic(
                "CK607",
                f"{distribution} belongs to another trusted publisher",
                metadata.place("tool", "cubekit", "trusted_publisher"),
                needed="\n".join(map(str, known)),
                found=str(declared),
                fix="if it moved: add the new one to trusted_publishers in registry.toml",
            )
        )
    publishers = list(dict.fromkeys(known)) or ([declared] if declared else [])
    provenances = {}
    for path in files:
        content = _beside(path, declared or (publishers[0] if publishers else None), metadata)
        if content is not None:
            from cubekit.registry.attestations import verify_provenance

            verify_provenance(content, ReleaseFile(name=path.name, sha256=sha256_of(path)), publishers)
            provenances[path.name + SUFFIX] = content
        elif publishers:
            message = f"{path.name} is not trusted: nobody attests it"
            needed = "\n".join(["an attestation of", *map(str, publishers)])
            fix = f"put {path.name}.publish.attestation beside it; the workflow that builds it makes one"
            raise CubekitError(Diagnostic("CK615", message, needed=needed, fix=fix))
    return publishers, provenances


def _beside(path: Path, publisher: TrustedPublisher | None, metadata: TomlFile) -> bytes | None:
    """The provenance that an index gave, or what the tools of a publisher wrote; None if nothing is there."""
    from_index = path.with_name(path.name + SUFFIX)
    made = sorted(path.parent.glob(f"{escape(path.name)}.*.attestation"))
    if publisher is None and (made or from_index.exists()):
        message = f"{path.name} is attested, and nobody is named whose attestations are trusted"
        fix = 'trusted_publisher = { kind = "GitHub", repository = "…", workflow = "…" } under [tool.cubekit]'
        raise CubekitError(Diagnostic("CK612", message, metadata.place("tool", "cubekit"), fix=fix))
    if from_index.exists():
        return from_index.read_bytes()
    attestations = []
    for file in made:
        try:
            attestations.append(json.loads(file.read_bytes()))
        except ValueError as error:
            message = f"{path.name} is not trusted: {file.name} cannot be read"
            fix = "take the attestation that was made when it was built"
            raise CubekitError(Diagnostic("CK615", message, found=str(error), fix=fix)) from error
    if publisher is None or not attestations:
        return None
    bundle = {"publisher": publisher.model_dump(exclude_none=True), "attestations": attestations}
    return json.dumps({"version": 1, "attestation_bundles": [bundle]}).encode()
