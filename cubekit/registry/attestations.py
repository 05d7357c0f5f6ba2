"""Verifies attestations (PEP 740): that somebody trusted built a file, and that very file. Sigstore does the work.

Needs the extra ``trust``. Nobody is asked: the keys are those that Sigstore's distribution brings, or those that
``sigstore plumbing update-trust-root`` fetched since.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from pydantic import ValidationError

from cubekit.discovery.publishers import TrustedPublisher
from cubekit.discovery.registry import ReleaseFile
from cubekit.ground.diagnostics import CubekitError, Diagnostic

try:
    from cryptography.x509 import ExtensionNotFound
    from pypi_attestations import AttestationError, Distribution, Provenance, Publisher
    from sigstore.errors import Error as SigstoreError
except ImportError as error:
    raise CubekitError(
        Diagnostic("CK614", "attestations need the extra \"trust\" to be verified", found=str(error),
                   fix="pip install 'cubekit-core[trust]'")
    ) from error  # fmt: skip

__all__ = ["verify_provenance"]

# That it asks nobody is what is wanted here, and nothing to warn of.
logging.getLogger("sigstore").setLevel(logging.ERROR)


def verify_provenance(content: bytes, file: ReleaseFile, publishers: Sequence[TrustedPublisher]) -> None:
    """Refuse a file unless all its attestations are genuine, are of it, and come from publishers that are trusted.

    :param content: the provenance of the file, as PEP 740 has it.
    :raises CubekitError: CK615.
    """
    try:
        provenance = Provenance.model_validate_json(content)
        distribution = Distribution(name=file.name, digest=file.sha256)
    except ValidationError as error:
        (first, *_) = error.errors(include_url=False)
        found = ": ".join([".".join(map(str, first["loc"])), first["msg"]]).removeprefix(": ")
        raise _refused(file, "its attestations cannot be read", found=found) from error
    attested = [(bundle.publisher, one) for bundle in provenance.attestation_bundles for one in bundle.attestations]
    if not attested:
        raise _refused(file, "its provenance has no attestation")
    for publisher, attestation in attested:
        try:
            attestation.verify(publisher, distribution, offline=True)
        except (AttestationError, SigstoreError, ExtensionNotFound) as error:
            found = str(error).removeprefix("Verification failed: ")
            raise _refused(file, "its attestation is forged, or of another file", found=found) from error
        except (OSError, ValidationError) as error:  # not of the attestation, but of the keys
            why = "its attestation cannot be verified, as Sigstore's keys can be neither read nor put into the cache"
            fix = "delete sigstore-python in the cache directory of the user, and see that it can be written"
            raise _refused(file, why, found=str(error), fix=fix) from error
        if not any(_is(publisher, trusted) for trusted in publishers):
            needed = "\n".join(map(str, publishers)) or "a trusted publisher, and the registry names none"
            found = " ".join(value for value in publisher.model_dump().values() if value)
            raise _refused(file, "somebody else than its trusted publisher attests it", needed=needed, found=found)


def _is(publisher: Publisher, trusted: TrustedPublisher) -> bool:
    """Whether a publisher, whom the certificate has been held against, is one that is trusted."""
    return trusted.model_dump(exclude_none=True).items() <= publisher.model_dump().items()


def _refused(
    file: ReleaseFile,
    why: str,
    *,
    needed: str | None = None,
    found: str | None = None,
    fix: str = "do not install it; tell the owner of the registry",
) -> CubekitError:
    return CubekitError(Diagnostic("CK615", f"{file.name} is not trusted: {why}", needed=needed, found=found, fix=fix))
