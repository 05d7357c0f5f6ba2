"""A contract with every kind of method, a cube that keeps it, and one that asks it: in this service or in another."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import date
from typing import Annotated, Protocol

import anyio

from cubekit import (
    Conflict,
    Cube,
    Health,
    Model,
    NotFound,
    Page,
    Unauthenticated,
    Unavailable,
    contract,
    current_call,
    operation,
)


class NoSuchWord(NotFound):
    message = "There is no word {word_given}."
    translations = {"ko": "{word_given}라는 낱말이 없습니다."}


class Stranger(Unauthenticated):
    message = "Say who you are."


class Word(Model):
    text: str
    first_seen: date | None = None


class Seen(Model):
    """What a call brought with it."""

    caller: str | None
    locale: str
    trace_id: str
    parent_span_id: str | None
    sampled: bool
    idempotency_key: str | None
    has_deadline: bool


@contract("test.words", version="1.0", errors=(NoSuchWord, Stranger))
class Words(Protocol):
    async def look_up(self, word_given: str, languages: list[str] | None = None) -> Word:
        """Return a word."""
        ...

    async def keep(self, word: Word) -> None:
        """Keep a word."""
        ...

    async def join(self, first: Word, second: Word, between: str = "-") -> Word:
        """Make one word of two."""
        ...

    async def listed(self, page: int = 1) -> Page[Word]:
        """Return a page of the words."""
        ...

    async def reversed(self, raw: bytes) -> bytes:
        """Turn something round."""
        ...

    def spell(self, word: str) -> AsyncGenerator[str, None]:
        """Say the letters."""
        ...

    async def seen(self) -> Seen:
        """Return what the call has brought with it."""
        ...

    async def wait(self) -> str:
        """Wait to be let go."""
        ...


class Dictionary(Cube, Words, implements="test.words@1.0"):
    """Knows words."""

    def __init__(self) -> None:
        self.kept: list[Word] = []
        self.ill = ""
        self.waiting = 0
        self.go_on = anyio.Event()
        self.closed = anyio.Event()

    @operation(idempotent=True, http="GET words/{wordGiven}", errors=(NoSuchWord, Stranger))
    async def look_up(self, word_given: str, languages: list[str] | None = None) -> Word:
        if word_given == "none":
            raise NoSuchWord(word_given=word_given)
        if word_given == "secret":
            raise Stranger
        if word_given == "busy":
            raise Unavailable(retry_after=1)
        if word_given == "broken":
            raise RuntimeError("a mistake")
        return Word(text=" ".join([word_given, *(languages or [])]), first_seen=date(1446, 10, 9))

    @operation
    async def keep(self, word: Word) -> None:
        if word in self.kept:
            raise Conflict("{said} is there already.", field="text", said=word.text)
        self.kept.append(word)

    @operation
    async def join(self, first: Word, second: Word, between: str = "-") -> Word:
        return Word(text=first.text + between + second.text)

    @operation(http="GET words")
    async def listed(self, page: int = 1) -> Page[Word]:
        return Page[Word](items=tuple(self.kept[page - 1 : page]), page=page, limit=1, total=len(self.kept))

    @operation
    async def reversed(self, raw: bytes) -> bytes:
        return raw[::-1]

    @operation
    async def spell(self, word: str) -> AsyncGenerator[str, None]:
        try:
            for letter in word:
                if letter == "!":
                    raise NoSuchWord(word_given=word)
                if letter == ".":
                    await self.go_on.wait()
                yield letter
        finally:
            self.closed.set()

    @operation(idempotent=True)
    async def seen(self) -> Seen:
        call = current_call()
        return Seen(
            caller=call.caller.principal,
            locale=call.locale,
            trace_id=call.trace_id,
            parent_span_id=call.parent_span_id,
            sampled=call.sampled,
            idempotency_key=call.idempotency_key,
            has_deadline=call.deadline is not None,
        )

    @operation(idempotent=True)
    async def wait(self) -> str:
        self.waiting += 1
        await self.go_on.wait()
        return self.name

    async def health_check(self) -> Health:
        return Health("fail", self.ill) if self.ill else Health()


class Reader(Cube):
    """Asks for words."""

    words: Annotated[Words, ">=1,<2"]

    @operation
    async def look_up(self, word: str) -> Word:
        return await self.words.look_up(word)

    @operation
    async def keep(self, word: Word) -> None:
        await self.words.keep(word)

    @operation
    async def wait(self) -> str:
        return await self.words.wait()

    @operation
    async def spell(self, word: str) -> AsyncGenerator[str, None]:
        async with aclosing(self.words.spell(word)) as letters:
            async for letter in letters:
                yield letter
