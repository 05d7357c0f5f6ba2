"""Signs a registry's directory as a TUF repository, so that readers notice what was changed, rolled back or held back.

Needs the extra ``trust``. Everything new is written under new names; ``timestamp.json``, which points at it, comes last
and in one step, so that readers see the old registry or the new one. Only a new key takes two: until the second is
done, readers are refused, as what the old key has signed may be somebody else's.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cubekit.ground.diagnostics import CubekitError, Diagnostic
from cubekit.registry.files import write_whole
from cubekit.registry.trust import METADATA, TARGET, TARGETS

try:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from securesystemslib.exceptions import UnverifiedSignatureError
    from securesystemslib.signer import CryptoSigner
    from tuf.api.exceptions import RepositoryError
    from tuf.api.metadata import Metadata, Root, Snapshot, TargetFile, Targets, Timestamp
except ImportError as error:
    raise CubekitError(
        Diagnostic("CK614", "signing needs the extra \"trust\"", found=str(error),
                   fix="pip install 'cubekit-core[trust]'")
    ) from error  # fmt: skip

__all__ = ["SIGN_CHANGES", "check_unchanged", "sign_registry"]

SIGN_CHANGES = "look at what was changed; if all of it is meant: cubekit registry publish --keys DIR --sign-changes"

_ROOT_VALID, _ROOT_RENEWED = timedelta(days=365), timedelta(days=60)
_ROLES = (Targets.type, Snapshot.type, Timestamp.type)


def sign_registry(directory: Path, keys: Path, *, now: datetime, valid: timedelta, new_key: bool = False) -> Path:
    """Sign ``registry.toml`` of a directory; return the ``root.json`` that readers need.

    :param keys: directory of the private keys ``root.pem`` and ``signing.pem``; both are made if it has neither.
    :param now: the present, in UTC.
    :param valid: how long readers may trust what is signed now.
    :param new_key: make another ``signing.pem``; what the old one signs is trusted no longer.
    :raises CubekitError: CK612 if a key is missing, or not the one that readers know.
    """
    _check_place(directory, keys)
    metadata = directory / METADATA
    root = _root(metadata, keys, now, new_key=new_key)
    number = _latest(metadata) + 1
    signer = _key(keys, "signing")
    content = (directory / TARGET).read_bytes()
    target = TargetFile.from_data(TARGET, content, ["sha256"])
    write_whole(directory / TARGETS / f"{target.hashes['sha256']}.{TARGET}", content)

    expires = now + valid
    targets = Metadata(Targets(number, expires=expires, targets={TARGET: target}))
    snapshot = Metadata(Snapshot(number, expires=expires))
    snapshot.signed.meta["targets.json"].version = number
    timestamp = Metadata(Timestamp(number, expires=expires))
    timestamp.signed.snapshot_meta.version = number
    for signed, name in ((targets, f"{number}.targets"), (snapshot, f"{number}.snapshot"), (timestamp, "timestamp")):
        signed.sign(signer)
        write_whole(metadata / f"{name}.json", signed.to_bytes())
    _drop_old(directory, number)
    return root


def check_unchanged(directory: Path, keys: Path, *, new_key: bool = False) -> None:
    """Refuse a registry that was changed without its keys: to sign it would be to vouch for whoever did that.

    :raises CubekitError: CK609.
    """
    _check_place(directory, keys)
    metadata, path = directory / METADATA, directory / TARGET
    number = _latest(metadata)
    if number == 0 or not any(metadata.glob("*.root.json")):
        if any((keys / f"{name}.pem").exists() for name in ("root", "signing")):
            message = f"{path} is not signed, and there are keys: what says what they have signed may have been deleted"
            raise CubekitError(Diagnostic("CK609", message, found=f"no signatures in {metadata}", fix=SIGN_CHANGES))
        return
    root = Metadata[Root].from_file(str(_newest_root(metadata))).signed
    known = root.roles[Targets.type].keyids
    key = root.keys[known[0]] if new_key else _key(keys, "signing").public_key
    if key.keyid not in known:
        return  # `sign_registry` says so
    try:
        targets = Metadata[Targets].from_file(str(metadata / f"{number}.targets.json"))
        key.verify_signature(targets.signatures[key.keyid], targets.signed_bytes)
        targets.signed.targets[TARGET].verify_length_and_hashes(path.read_bytes())
    except (LookupError, RepositoryError, UnverifiedSignatureError) as error:
        message = f"{path} was changed since it was signed, and nobody used its keys for that"
        raise CubekitError(Diagnostic("CK609", message, found=str(error), fix=SIGN_CHANGES)) from error


def _check_place(directory: Path, keys: Path) -> None:
    if directory.resolve() in (keys.resolve(), *keys.resolve().parents):
        message = f"the private keys in {keys} would be served with the registry"
        raise CubekitError(Diagnostic("CK612", message, fix="keep them outside of its directory: --keys ../keys"))


def _newest_root(metadata: Path) -> Path:
    return max(metadata.glob("*.root.json"), key=lambda path: int(path.name.partition(".")[0]))


def _drop_old(directory: Path, number: int) -> None:
    """Remove what nobody reads any more. The state before this one stays, for readers who began with it."""
    listed = set()
    for path in (directory / METADATA).glob("*.targets.json"):
        version = path.name.partition(".")[0]
        if int(version) < number - 1:
            (directory / METADATA / f"{version}.snapshot.json").unlink(missing_ok=True)
            path.unlink()
        else:
            targets: Metadata[Targets] = Metadata.from_file(str(path))
            listed.add(f"{targets.signed.targets[TARGET].hashes['sha256']}.{TARGET}")
    for path in (directory / TARGETS).iterdir():
        if path.name not in listed:
            path.unlink()


def _root(metadata: Path, keys: Path, now: datetime, *, new_key: bool) -> Path:
    """The newest root, made if there is none, and renewed for a new key or before it expires."""
    if any(metadata.glob("*.root.json")):
        newest = _newest_root(metadata)
        root = Metadata[Root].from_file(str(newest)).signed
        if new_key:
            _key(keys, "root")  # without it there is no use in a new one
            _make_key(keys / "signing.pem")
            _vouch(root, _key(keys, "signing"))
        elif _key(keys, "signing").public_key.keyid not in root.roles[Timestamp.type].keyids:
            message = f"{keys / 'signing.pem'} is not the key that readers of this registry know"
            raise CubekitError(Diagnostic("CK612", message, found=str(newest), fix="use its own keys, or --new-key"))
        elif root.expires - now > _ROOT_RENEWED:
            return newest
        root.version += 1
    else:
        if not any((keys / f"{name}.pem").exists() for name in ("root", "signing")):
            _make_key(keys / "root.pem")
            _make_key(keys / "signing.pem")
        root = Root(version=1, consistent_snapshot=True)
        root.add_key(_key(keys, "root").public_key, Root.type)
        _vouch(root, _key(keys, "signing"))
    root.expires = now + _ROOT_VALID
    signed = Metadata(root)
    signed.sign(_key(keys, "root"))
    path = metadata / f"{root.version}.root.json"
    write_whole(path, signed.to_bytes())
    return path


def _vouch(root: Root, signer: CryptoSigner) -> None:
    """Have the root name one key, and no other, for all that is signed often."""
    for role in _ROLES:
        for known in list(root.roles[role].keyids):
            root.revoke_key(known, role)
        root.add_key(signer.public_key, role)


def _latest(metadata: Path) -> int:
    path = metadata / "timestamp.json"
    if not path.exists():
        return 0
    timestamp: Metadata[Any] = Metadata.from_file(str(path))
    return int(timestamp.signed.version)


def _make_key(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)  # of an interrupted attempt
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(CryptoSigner.generate_ed25519().private_bytes)
    draft.replace(path)


def _key(keys: Path, name: str) -> CryptoSigner:
    path = keys / f"{name}.pem"
    if path.exists() and path.stat().st_mode & 0o077:
        message = f"others on this machine may read the key {path}"
        raise CubekitError(Diagnostic("CK612", message, fix=f"chmod 600 {path}; if somebody has read it: --new-key"))
    try:
        return CryptoSigner(load_pem_private_key(path.read_bytes(), None))
    except (OSError, ValueError, TypeError) as error:
        message = f"the key {path} cannot be used: {getattr(error, 'strerror', None) or error}"
        fix = f"put {name}.pem there from where it is kept, and publish again"
        raise CubekitError(Diagnostic("CK612", message, fix=fix)) from error
