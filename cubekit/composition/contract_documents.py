"""A contract as a document: what `cubekit contract show` prints, and `cubekit contract diff` compares."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, NotRequired, get_args, get_type_hints

from pydantic import PydanticSchemaGenerationError, TypeAdapter
from pydantic.errors import PydanticInvalidForJsonSchema
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode
from pydantic_core.core_schema import DataclassField, ModelField, TypedDictField
from typing_extensions import TypedDict

from cubekit.authoring.contracts import ContractInfo, MethodKind, contract_of, kind_of
from cubekit.ground.diagnostics import CubekitError, Diagnostic, Place

__all__ = ["contract_document", "documents_of_module", "read_contracts"]

Document = dict[str, Any]


class _Parameter(TypedDict):
    required: bool
    keyword: NotRequired[bool]
    default: str | None
    schema: Document


class _Method(TypedDict):
    kind: str
    parameters: dict[str, _Parameter]
    returns: Document


class _Contract(TypedDict):
    name: str
    version: str
    remotable: bool
    errors: dict[str, str]
    methods: dict[str, _Method]


class _Saved(TypedDict):
    """What `cubekit contract show` has printed."""

    contracts: list[_Contract]


_SAVED = TypeAdapter(_Saved)

_READ = (
    "import json, sys; sys.path[:0] = sys.argv[2:];"
    "from cubekit.composition.contract_documents import documents_of_module;"
    "print(json.dumps(documents_of_module(sys.argv[1])))"
)


class _Generator(GenerateJsonSchema):
    """Knows that a result has all fields, those too that have a default."""

    def field_is_required(self, field: ModelField | DataclassField | TypedDictField, total: bool) -> bool:
        """Whether a field cannot be left out."""
        if self.mode == "serialization" and field["type"] != "typed-dict-field":
            return True
        return super().field_is_required(field, total)


def contract_document(contract: ContractInfo, *, consumed: bool = False) -> Document:
    """Return what a contract promises, as JSON data.

    :param consumed: whether schemas are those of a consumer, who writes what a provider reads and reads what it writes.
    """
    taken: JsonSchemaMode = "serialization" if consumed else "validation"
    given: JsonSchemaMode = "validation" if consumed else "serialization"
    return {
        "name": contract.name,
        "version": str(contract.version),
        "doc": inspect.getdoc(contract.protocol) or "",
        "remotable": contract.remotable,
        "errors": {kind.slug(): kind.code for kind in contract.errors},
        "methods": {name: _method(getattr(contract.protocol, name), taken, given) for name in contract.methods},
    }


def documents_of_module(name: str) -> list[Document]:
    """Import a module, and return the documents of the contracts among its members."""
    found = (contract_of(member) for member in vars(import_module(name)).values())
    return [contract_document(contract) for contract in dict.fromkeys(filter(None, found))]


def read_contracts(source: str) -> list[Document]:
    """Return the contracts of a JSON file, of a distribution's directory, or of an importable module.

    Code is imported in a process of its own, so that two versions of a module can be read one after the other.

    :raises CubekitError: if there is nothing to read, or no contract in it (CK101, CK301).
    """
    path = Path(source)
    if path.is_file():
        try:
            documents: list[Any] = _SAVED.validate_json(path.read_bytes())["contracts"]
        except ValueError as error:
            fix = "write one with: cubekit contract show SOURCE"
            problem = Diagnostic("CK101", "this is no document of contracts", Place(source), found=str(error), fix=fix)
            raise CubekitError(problem) from error
    elif path.is_dir():
        root = path / "src" if (path / "src").is_dir() else path
        modules = [file.parent.name for file in sorted(root.glob("*/__init__.py"))]
        modules += [file.stem for file in sorted(root.glob("*.py")) if "@contract" in file.read_text(encoding="utf-8")]
        documents = [document for module in modules for document in _imported(source, module, root)]
    else:
        documents = _imported(source, source)
    if not documents:
        fix = "name a module or a distribution that declares a contract with @contract"
        raise CubekitError(Diagnostic("CK101", f"there is no contract in {source}", fix=fix))
    return documents


def _imported(source: str, module: str, *paths: Path) -> list[Document]:
    command = [sys.executable, "-c", _READ, module, *(str(path.resolve()) for path in paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own interpreter
    if done.returncode:
        found = done.stderr.strip().splitlines()[-1]
        fix = "name a JSON file, the directory of a distribution, or a module"
        raise CubekitError(Diagnostic("CK301", f"contracts of {source} cannot be imported", found=found, fix=fix))
    documents: list[Document] = json.loads(done.stdout.splitlines()[-1])
    return documents


def _method(function: Any, taken: JsonSchemaMode, given: JsonSchemaMode) -> Document:
    hints = get_type_hints(function, include_extras=True)
    kind, returned = kind_of(function), hints.get("return", Any)
    if kind is MethodKind.STREAM:
        returned = get_args(returned)[0]
    return {
        "kind": kind.name.lower(),
        "doc": inspect.getdoc(function) or "",
        "parameters": {
            parameter.name: {
                "required": parameter.default is parameter.empty,
                "keyword": parameter.kind is parameter.KEYWORD_ONLY,
                "default": None if parameter.default is parameter.empty else repr(parameter.default),
                "schema": _schema(hints.get(parameter.name, Any), taken),
            }
            for parameter in list(inspect.signature(function).parameters.values())[1:]
        },
        "returns": _schema(returned, given),
    }


def _schema(kind: Any, mode: JsonSchemaMode) -> Document:
    try:
        return TypeAdapter(kind).json_schema(mode=mode, schema_generator=_Generator)
    except (PydanticSchemaGenerationError, PydanticInvalidForJsonSchema):
        return {"x-python": inspect.formatannotation(kind)}  # a live object of a local contract
