"""Cubes with one flaw each. The tests copy this file into a distribution and hold that to the quality scale."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Protocol

import anyio
from pydantic import BaseModel, field_validator
from starlette.requests import Request
from starlette.responses import Response

from cubekit import Cube, Health, Invalid, NotFound, contract, operation, route


class Sound(Cube):
    """Has no flaw."""

    @operation(idempotent=True, public=True)
    async def double(self, number: int) -> int:
        """Return the double."""
        await anyio.lowlevel.checkpoint()
        return 2 * number


class Blocking(Cube):
    """Waits without an await."""

    @operation
    async def wait(self) -> str:
        """Wait a little."""
        time.sleep(0.001)  # noqa: ASYNC251 - the flaw
        return "done"


class Mistaken(Cube):
    """Raises what is no failure."""

    @operation
    async def third(self, numbers: list[int]) -> int:
        """Return the third number."""
        return numbers[2]


class Lying(Cube):
    """Returns something else than it says."""

    @operation
    async def number(self) -> int:
        """Return a number."""
        text: Any = "seven"
        return text  # type: ignore[no-any-return]


class Undeclared(Cube):
    """Raises a failure that it does not declare."""

    @operation
    async def find(self, name: str) -> str:
        """Find nobody."""
        raise NotFound("Nobody is called {name}.", name=name)


class Untranslated(Invalid):
    """It is so."""

    message = "It is so."


class English(Cube):
    """Declares a failure in one language."""

    @operation(errors=(Untranslated,))
    async def fail(self) -> str:
        """Fail."""
        raise Untranslated


class Fickle(Cube):
    """Says that it is idempotent, and counts."""

    def __init__(self) -> None:
        self.calls = 0

    @operation(idempotent=True)
    async def count(self) -> int:
        """Return a number."""
        self.calls += 1
        return self.calls


class TwoFaced(Cube):
    """Tells clients something else than cubes."""

    @operation(idempotent=True, json="greet_json")
    async def greet(self) -> str:
        """Return a greeting."""
        return "hello"

    async def greet_json(self) -> bytes:
        """Write another greeting."""
        return b'"goodbye"'


class Sick(Cube):
    """Is never well."""

    async def health_check(self) -> Health:
        """Complain."""
        return Health("fail", "not today")


class OnceOnly(Cube):
    """Starts once in a process."""

    started = False

    async def start(self) -> None:
        """Begin."""
        if OnceOnly.started:
            raise RuntimeError("started before")
        OnceOnly.started = True


class Hoarding(Cube):
    """Keeps every object of itself."""

    everyone: list[Cube[Any]] = []

    async def start(self) -> None:
        """Begin."""
        self.everyone.append(self)


class Stubborn(Cube):
    """Takes a cancellation for an error of its own."""

    async def start(self) -> None:
        """Begin."""
        try:
            await anyio.lowlevel.checkpoint()
        except BaseException as error:
            raise RuntimeError("interrupted") from error


class Limits(BaseModel):
    """Configuration of `Careless`."""

    most: str = "1"

    @field_validator("most")
    @classmethod
    def _known(cls, value: str) -> str:
        return {"1": "one"}[value]


class Careless(Cube[Limits]):
    """Falls over a wrong configuration."""


class Forgetful(Cube, backends=("asyncio",)):
    """Leaves a task behind."""

    async def start(self) -> None:
        """Begin."""
        self.task = asyncio.get_running_loop().create_task(asyncio.sleep(3600))


class Deaf(Cube):
    """Goes on when it is cancelled."""

    @operation
    async def wait(self) -> str:
        """Wait a little."""
        try:
            await anyio.lowlevel.checkpoint()
        except BaseException:  # noqa: BLE001 - the flaw
            return "what?"
        return "done"


class Tripping(Cube):
    """Falls over in the middle of a stream."""

    @operation
    async def count(self, start: int) -> AsyncIterator[int]:
        """Count."""
        yield start
        if start == 10**30:
            raise KeyError(start)


class Deafer(Cube):
    """Streams on when it is cancelled."""

    @operation
    async def count(self) -> AsyncIterator[int]:
        """Count."""
        for number in range(3):
            with suppress(BaseException):
                await anyio.lowlevel.checkpoint()
            yield number


class Moody(Cube):
    """Streams something else the second time, and so over HTTP."""

    def __init__(self) -> None:
        self.calls = 0

    @operation(idempotent=True)
    async def count(self) -> AsyncIterator[int]:
        """Count."""
        self.calls += 1
        yield self.calls


@contract("flawed.words", version="1.0")
class Words(Protocol):
    async def word(self, number: int) -> str:
        """Return a word."""
        ...


class Promising(Cube, Words, implements="flawed.words@1.0"):
    """Keeps a contract, badly."""

    async def word(self, number: int) -> str:
        """Return a word."""
        time.sleep(0.001)  # noqa: ASYNC251 - the flaw
        return number  # type: ignore[return-value]


class Drawing(Cube):
    """Blocks where it writes."""

    @operation(idempotent=True, json="draw_json")
    async def draw(self) -> int:
        """Return a number."""
        return 1

    async def draw_json(self) -> bytes:
        """Write a number."""
        time.sleep(0.001)  # noqa: ASYNC251 - the flaw
        return b"1"


class Paging(Cube):
    """Blocks where it answers raw HTTP."""

    @route("GET page")
    async def page(self, request: Request) -> Response:
        """Answer."""
        time.sleep(0.001)  # noqa: ASYNC251 - the flaw
        return Response(b"")


class Sharing(Cube):
    """Keeps in its class what belongs to an instance."""

    kept: dict[str, int] = {}

    @operation
    async def keep(self, key: str) -> None:
        """Keep something."""
        self.kept[key] = len(self.kept)


class Crashing(Cube):
    """Crashes when it is asked."""

    @operation
    async def ask(self) -> None:
        """Ask."""
        self.tasks.start_soon(self._crash)
        await anyio.wait_all_tasks_blocked()

    async def _crash(self) -> None:
        raise RuntimeError("not today")


class Unwell(Cube):
    """Says how it is in a form that nobody can pass on."""

    async def health_check(self) -> Health:
        """Complain."""
        return Health(observed={"pressure": float("nan")})
