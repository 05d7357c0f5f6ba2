"""`Healing`: what a service does to heal itself, told in one place."""

from __future__ import annotations

import logging
import math
from collections import Counter, deque
from dataclasses import dataclass
from enum import StrEnum

from cubekit.authoring.cubes import Clock
from cubekit.authoring.events import HealingStepTaken
from cubekit.runtime.bus import Bus

__all__ = ["Healing", "HealingStep", "StepTaken"]

_log = logging.getLogger("cubekit.healing")

_REMEMBERED = 50
_QUIET = 10.0
"""Seconds in which a second move of a consumer's calls is not told."""


class HealingStep(StrEnum):
    """Something that a service does to heal itself."""

    RESTART = "restart"
    """A new object takes the place of one that crashed."""
    RECYCLE = "recycle"
    """The same, of one that is alive and not well."""
    GIVE_UP = "give_up"
    """It has crashed too often, and stays away."""
    BREAK = "break"
    """An operation has failed too often in a row, and is left in peace."""
    RESUME = "resume"
    """It works again."""
    FAIL_OVER = "fail_over"
    """Calls go to another provider of a contract."""
    SHED = "shed"
    """Calls are refused, as there are too many."""


@dataclass(frozen=True, slots=True)
class StepTaken:
    """A step, when and why it was taken."""

    at: float
    """Seconds since 1970-01-01 UTC."""
    step: HealingStep
    instance: str
    reason: str


class Healing:
    """Notes every step: as an event, in the log, counted, and remembered for `cubekit status`."""

    def __init__(self, clock: Clock, bus: Bus) -> None:
        self.counts: Counter[tuple[str, HealingStep]] = Counter()
        """Steps by instance and kind."""
        self.recent: deque[StepTaken] = deque(maxlen=_REMEMBERED)
        """The newest steps, newest last."""
        self._clock = clock
        self._bus = bus
        self._quiet_until: dict[str, float] = {}

    def note(self, step: HealingStep, instance: str, reason: str) -> None:
        """Note a step."""
        self.counts[instance, step] += 1
        self.recent.append(StepTaken(self._clock.time(), step, instance, reason))
        _log.warning("healing of %s: %s: %s", instance, step.replace("_", " "), reason)
        self._bus.publish(HealingStepTaken(step=step, instance=instance, reason=reason))

    def note_breaker(self, instance: str, operation: str, is_open: bool) -> None:
        """Note that a breaker has opened or closed."""
        if is_open:
            self.note(HealingStep.BREAK, instance, f"{operation} has failed too often in a row")
        else:
            self.note(HealingStep.RESUME, instance, f"{operation} works again")

    def note_move(self, consumer: str, before: str, after: str) -> bool:
        """Note that calls of a consumer's contract go to another provider; False if there was a move just before, as
        when a provider comes and goes with every call.
        """
        now = self._clock.monotonic()
        if now < self._quiet_until.get(consumer, -math.inf):
            return False
        self._quiet_until[consumer] = now + _QUIET
        self.note(HealingStep.FAIL_OVER, before, f'calls of {consumer} go to "{after}"')
        return True

    def note_shedding(self, instance: str) -> None:
        """Note that calls begin to be refused."""
        self.note(HealingStep.SHED, instance, "too many calls are under way; the least important are refused")
