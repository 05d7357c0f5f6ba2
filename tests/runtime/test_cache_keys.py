"""Which arguments share a cached result: those that nobody can tell apart, and no others."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import anyio
import pytest
from pydantic import AnyUrl, BaseModel, Field, PrivateAttr, SecretBytes, SecretStr

from cubekit import Cache, Cube, Model, operation
from cubekit.runtime.cache_keys import NoExactKey, exact_key
from cubekit.testing import running

KST = timezone(timedelta(hours=9))


class Shown(Model):
    value: Any


class Loose(BaseModel, extra="allow"):
    """Not frozen, with further fields, a field that is not dumped and a private one."""

    numbers: list[int] = []
    hidden: str = Field(default="", exclude=True)
    _memo: list[int] = PrivateAttr(default_factory=list)


@dataclass
class Point:
    x: object
    y: object = 0


class Colour(Enum):
    RED = "red"


class Level(IntEnum):
    LOW = 1


def apart() -> list[Any]:
    """Values of which no two may share a key."""
    summer = datetime(2024, 10, 27, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"))
    private = Loose(numbers=[1])
    private._memo.append(1)
    return [
        *(None, 0, False, 1, True, 1.0, -1, 0.0, -0.0, "1", b"1", Level.LOW, Decimal("1"), Decimal("1.0"), 1 + 0j),
        *(Colour.RED, "red", UUID(int=1), PurePosixPath("1"), AnyUrl("http://x.test/1")),
        *((), [], {}, set(), frozenset(), (1,), [1], [True], [[1]], {1}, {True}, {1: 1}, {1: True}, {"1": 1}),
        *({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        datetime(1990, 5, 15, 14, 30, tzinfo=KST),
        datetime(1990, 5, 15, 5, 30, tzinfo=UTC),
        datetime(1990, 5, 15, 14, 30, tzinfo=ZoneInfo("Asia/Seoul")),
        datetime(1990, 5, 15, 14, 30, tzinfo=ZoneInfo("Asia/Tokyo")),
        datetime(1990, 5, 15, 14, 30),
        summer,
        summer.replace(fold=1),
        *(date(1990, 5, 15), time(14, 30), time(14, 30, tzinfo=UTC), timedelta(1)),
        *(SecretStr("ada"), SecretStr("bob"), SecretBytes(b"ada")),
        *([SecretStr("ada")], [SecretStr("bob")]),
        *(Shown(value=one) for one in (1, True, 1.0, SecretStr("ada"), [SecretStr("ada")], [SecretStr("bob")])),
        *(Loose(), Loose(numbers=[]), Loose(hidden="x"), Loose(hidden="y")),
        *(Loose.model_validate({"more": more}) for more in (1, 2)),
        *(Loose(numbers=[1]), private),
        *(Point(1), Point(True), Point(1, [SecretStr("ada")]), Point(1, [SecretStr("bob")])),
    ]


def test_different_values_have_different_keys() -> None:
    values, again = apart(), apart()
    keys = [exact_key(value) for value in values]
    assert [(values[i], values[j]) for i in range(len(keys)) for j in range(i) if keys[i] == keys[j]] == []
    assert keys == [exact_key(value) for value in again]
    assert len({*keys}) == len(keys)


def test_a_moment_from_json_has_a_key() -> None:
    first, same, other = (
        _Moment.model_validate_json(text)
        for text in ('{"at": "2024-01-01T00:00:00+09:00"}',) * 2 + ('{"at": "2023-12-31T15:00:00Z"}',)
    )
    assert exact_key(first) == exact_key(same) != exact_key(other)


class _Moment(Model):
    at: datetime


def test_what_is_not_known_has_no_key() -> None:
    with pytest.raises(NoExactKey, match="object"):
        exact_key([{"a": object()}])


class Telling(Cube):
    calls = 0

    @operation(public=True, cache=Cache("1h"))
    async def moment(self, moment: datetime) -> str:
        return moment.isoformat()

    @operation(public=True, cache=Cache("1h"))
    async def owner(self, tokens: list[SecretStr]) -> str:
        await anyio.lowlevel.checkpoint()
        return tokens[0].get_secret_value()

    @operation(public=True, cache=Cache("1h"))
    async def shown(self, value: Shown) -> str:
        await anyio.lowlevel.checkpoint()
        return repr(value)

    @operation(public=True, cache=Cache("1h"))
    async def shown_at_once(self, value: Shown) -> str:
        return repr(value)


@pytest.mark.anyio
async def test_results_are_those_of_the_arguments() -> None:
    async with running({"t": Telling}) as service:
        for zone, text in ((KST, "+09:00"), (UTC, "+00:00"), (KST, "+09:00")):
            moment = datetime(1990, 5, 15, 14, 30, tzinfo=KST).astimezone(zone)
            assert (await service.call("t.moment", moment=moment)).endswith(text)
        assert service.endpoints["t.moment"].metrics.cache_hits == 1
        for token in ("ada", "bob", "ada"):
            assert await service.call("t.owner", tokens=[SecretStr(token)]) == token
        assert service.endpoints["t.owner"].metrics.cache_hits == 1


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["shown", "shownAtOnce"])
async def test_what_has_no_key_is_computed_each_time_and_said_once(name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "cubekit.cache")
    async with running({"t": Telling}) as service:
        first, second = Shown(value=object()), Shown(value=object())
        assert await service.call(f"t.{name}", value=first) != await service.call(f"t.{name}", value=second)
        assert service.endpoints[f"t.{name}"].metrics.cache_hits == 0
    assert caplog.messages == [f"t.{name} caches no results of calls with a object, which has no exact key"]
