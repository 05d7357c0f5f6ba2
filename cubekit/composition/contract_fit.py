"""Whether a provider in another service keeps what a consumer here knows of a contract.

Both have a version of the contract's code of their own. What counts is what is really said: each value that the
consumer writes must be one that the provider takes, and each that the provider writes one that the consumer takes.
Between cubes fields that are not known are ignored, on both ways.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cubekit.authoring.contracts import ContractInfo
from cubekit.composition.contract_documents import contract_document
from cubekit.composition.schema_changes import SchemaChange, schema_changes
from cubekit.ground.versions import Version

__all__ = ["misfits"]

Document = Mapping[str, Any]

_MISFITS = {SchemaChange.NARROWER, SchemaChange.FIELD_NEEDED}


def misfits(contract: ContractInfo, provider: Document, version: Version) -> list[str]:
    """Return a sentence for each thing in which a provider's document of a contract does not fit the one known here.

    :param provider: what `contract_document` returns there.
    :param version: the one that the provider was written against: of an older one, methods may be missing.
    """
    return list(dict.fromkeys(_misfits(contract_document(contract, consumed=True), provider, contract, version)))


def _misfits(consumer: Document, provider: Document, contract: ContractInfo, version: Version) -> Iterator[str]:
    for name, method in consumer["methods"].items():
        if name not in provider["methods"]:
            if version >= contract.version:
                yield f"{name}(): it has no such method"
            continue
        other = provider["methods"][name]
        if method["kind"] != other["kind"]:
            yield f"{name}(): it is a {other['kind']} there and a {method['kind']} here"
        yield from _parameter_misfits(name, method["parameters"], other["parameters"])
        for path, change, text in schema_changes(other["returns"], method["returns"]):
            if change in _MISFITS:
                yield f"{name}() → {path}: here {text}" if path else f"{name}() →: here {text}"


def _parameter_misfits(name: str, sent: Document, taken: Document) -> Iterator[str]:
    for parameter in sent.keys() - taken.keys():
        yield f"{name}({parameter}): it does not take the parameter"
    for parameter, known in taken.items():
        if parameter not in sent:
            if known["required"]:
                yield f"{name}({parameter}): it needs the parameter, which is not known here"
            continue
        if known["required"] and not sent[parameter]["required"]:
            yield f"{name}({parameter}): it needs the parameter, which may be left out here"
        for path, change, text in schema_changes(sent[parameter]["schema"], known["schema"]):
            if change in _MISFITS:
                yield f"{name}({parameter}.{path}): there {text}" if path else f"{name}({parameter}): there {text}"
