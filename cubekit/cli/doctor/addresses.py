"""Finds in a configuration what it connects to: addresses such as ``redis://host:6379``, tables of host and port."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any
from urllib.parse import urlsplit

from cubekit.ground.toml_lines import Keys

__all__ = ["Address", "addresses_in"]

_PORTS = {
    "amqp": 5672, "amqps": 5671, "clickhouse": 9000, "ftp": 21, "grpc": 443, "http": 80, "https": 443, "ldap": 389,
    "ldaps": 636, "mariadb": 3306, "memcached": 11211, "mongodb": 27017, "mqtt": 1883, "mqtts": 8883, "mssql": 1433,
    "mysql": 3306, "nats": 4222, "postgres": 5432, "postgresql": 5432, "redis": 6379, "rediss": 6379, "smtp": 25,
    "smtps": 465, "tcp": None, "tls": None, "ws": 80, "wss": 443,
}  # fmt: skip
_NAMES = frozenset({"audience", "cors", "issuer", "origin", "origins", "redirect_uri", "redirect_uris", "schema_url"})
"""Keys under which an address names something, and is not connected to."""
_SCHEME = re.compile(r"([a-z][a-z0-9.-]*)(?:\+[a-z0-9_]+)?://([^/?#\s]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Address:
    """Something that is connected to. Holds no credentials."""

    keys: Keys
    """Where the configuration says so."""
    scheme: str
    host: str
    port: int
    has_password: bool = False
    """Whether one stood in it."""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    def as_json(self) -> list[Any]:
        """The address for `from_json`."""
        return [list(self.keys), self.scheme, self.host, self.port, self.has_password]

    @classmethod
    def from_json(cls, data: list[Any]) -> Address:
        """Return what `as_json` has written."""
        keys, *rest = data
        return cls(tuple(keys), *rest)


def addresses_in(value: Any, keys: Keys) -> Iterator[Address]:
    """Return the addresses in plain data or in a model, secrets included."""
    if keys and str(keys[-1]).lower() in _NAMES:
        return
    if hasattr(value, "get_secret_value"):
        value = value.get_secret_value()
    members = _members(value)
    if members is not None:
        if isinstance(host := members.get("host"), str) and isinstance(port := members.get("port"), int) and port:
            yield Address(keys, "tcp", host, port)
        for key, item in members.items():
            yield from addresses_in(item, (*keys, key))
    elif isinstance(value, list | tuple | set | frozenset):
        for at, item in enumerate(value):
            yield from addresses_in(item, (*keys, at))
    elif isinstance(value, str) or type(value).__module__.startswith("pydantic"):
        yield from _read(str(value), keys)


def _members(value: Any) -> Mapping[str, Any] | None:
    if isinstance(value, Mapping):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    return vars(value) if hasattr(type(value), "model_fields") else None


def _read(text: str, keys: Keys) -> Iterator[Address]:
    """Several hosts may stand in one address, as databases have it."""
    if (match := _SCHEME.match(text)) is None or (scheme := match[1].lower()) not in _PORTS:
        return
    credentials, _, hosts = match[2].rpartition("@")
    for part in hosts.split(","):
        try:
            found = urlsplit(f"//{part}")
            host, port = found.hostname, found.port or _PORTS[scheme]
        except ValueError:  # whoever reads the configuration says so
            continue
        if host and port:
            yield Address(keys, scheme, host, port, ":" in credentials)
