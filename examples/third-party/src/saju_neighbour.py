"""A cube by a stranger: tells the pillars of a birth, one by one."""

from collections.abc import AsyncIterator
from typing import Annotated

from cubekit import Cube, operation
from saju_contract import Birth, Calendar


class Neighbour(Cube):
    """Reads charts aloud."""

    calendar: Annotated[Calendar, ">=0.1,<0.2"]

    @operation
    async def day_pillar(self, birth: Birth) -> str:
        """Return the day pillar in Hanja."""
        return (await self.calendar.calculate(birth)).saju_pan.day.hanja

    @operation
    async def pillars(self, birth: Birth) -> AsyncIterator[str]:
        """Stream the pillars from year to day."""
        pan = (await self.calendar.calculate(birth)).saju_pan
        for pillar in (pan.year, pan.month, pan.day):
            yield pillar.hanja
