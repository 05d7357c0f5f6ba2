"""`Supervisor`: what happens to a group of instances when one of them crashes, after Erlang/OTP."""

from __future__ import annotations

import random
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import replace

from cubekit.authoring.cubes import Clock
from cubekit.composition.service_file import GroupSection
from cubekit.ground.diagnostics import CubekitError, Diagnostic
from cubekit.runtime.causes import sentence
from cubekit.runtime.child import Child
from cubekit.runtime.healing import Healing, HealingStep
from cubekit.runtime.host import TimedOut
from cubekit.runtime.restarts import Restart

__all__ = ["Ailing", "Supervisor"]


class Ailing(Exception):
    """A cube runs, and its own check has failed for longer than it may."""


class Supervisor:
    """Decides for one group, by its strategy, who is restarted after a crash:

    - ``one_for_one``: the one that crashed;
    - ``rest_for_one``: and those in the group that depend on it, directly or not;
    - ``one_for_all``: and everybody else in the group.

    More than ``max`` crashes within ``within`` seconds are too many: who would have been restarted is given up, and
    ends in the same order. Under ``one_for_one`` each instance's crashes count alone, otherwise the group's together.
    If a required instance is given up the service stops: that is the escalation, and the next level is who runs the
    service. A first start that fails is not followed by another.

    :param give_up: called when required instances cannot go on, with the reason of all of them.
    """

    def __init__(
        self, section: GroupSection, clock: Clock, healing: Healing, give_up: Callable[[Diagnostic], None]
    ) -> None:
        self._section = section
        self._clock = clock
        self._give_up = give_up
        self._healing = healing
        self._children: list[Child] = []
        self._crashes: defaultdict[Child | None, deque[float]] = defaultdict(deque)
        self._restart: Restart | None = None

    def add(self, child: Child) -> None:
        """Look after a child too."""
        self._children.append(child)

    def crashed(self, child: Child, cause: Exception | SystemExit) -> Restart:
        """Begin what follows a crash, or a first start that failed: a restart, or the end of who is given up."""
        exhausted = child.has_run and self._too_often(child)
        problem = child.instance.problem = _problem(child, cause, self._section, exhausted=exhausted)
        reason = f"{child.instance.name} crashed: {sentence(cause)}"
        affected = self._affected(child) if child.has_run else {child}
        if not child.has_run or exhausted:
            restart = Restart(affected, reason, problem=problem)
        else:
            restart = self._take_over(affected, reason, self._pause(child))
        self._begin(restart, HealingStep.RESTART)
        return restart

    def recycle(self, child: Child, reason: str) -> None:
        """Let a new object take the place of one that runs and is not well, with those that the strategy names.

        It counts as a crash, so that one that never gets well is given up in the end.
        """
        if not child.goes_on or child.instance.life is None:
            return
        if self._too_often(child):
            child.instance.problem = _problem(child, Ailing(reason), self._section, exhausted=True)
            restart = Restart(self._affected(child), reason, problem=child.instance.problem)
        else:
            restart = self._take_over(self._affected(child), reason, 0.0)
        self._begin(restart, HealingStep.RECYCLE)
        restart.paused.set()

    def _begin(self, restart: Restart, step: HealingStep) -> None:
        """Let everybody take part, and escalate if required ones are given up."""
        for one in restart.children:
            one.begin(restart)
            if one.has_run:
                self._healing.note(
                    HealingStep.GIVE_UP if restart.problem is not None else step, one.instance.name, restart.reason
                )
        if restart.problem is not None and not all(one.instance.planned.optional for one in restart.children):
            self._give_up(restart.problem)

    def _affected(self, child: Child) -> set[Child]:
        strategy = self._section.strategy
        if strategy == "one_for_all":
            return {other for other in self._children if other is child or other.goes_on}
        affected = {child}
        if strategy == "rest_for_one":
            while grown := {
                other
                for other in self._children
                if other not in affected
                and other.goes_on
                and any(one.instance.name in other.instance.planned.depends_on for one in affected)
            }:
                affected |= grown
        return affected

    def _take_over(self, affected: set[Child], reason: str, pause: float) -> Restart:
        """Who still waits in an earlier restart goes on in the new one, so that the order holds over both."""
        if self._section.strategy == "one_for_one":
            return Restart(affected, reason, pause)
        before = self._restart
        waiting = () if before is None else (child for child in before.unsettled if child.goes_on)
        self._restart = Restart(affected.union(waiting), reason, pause)
        if before is not None:
            before.paused.set()
        return self._restart

    def _pause(self, child: Child) -> float:
        first, last = self._section.backoff
        longest: float = min(last, first * 2 ** min(len(self._counted(child)) - 1, 60))
        return longest * random.uniform(0.75, 1.0)  # noqa: S311 - jitter

    def _counted(self, child: Child) -> deque[float]:
        return self._crashes[child if self._section.strategy == "one_for_one" else None]

    def _too_often(self, child: Child) -> bool:
        now, crashes = self._clock.monotonic(), self._counted(child)
        crashes.append(now)
        while crashes and now - crashes[0] > self._section.within:
            crashes.popleft()
        return len(crashes) > self._section.max


def _problem(child: Child, cause: Exception | SystemExit, section: GroupSection, *, exhausted: bool) -> Diagnostic:
    planned = child.instance.planned
    info = planned.descriptor.info
    name = f'cube "{planned.name}" ({info.distribution} {info.version})'
    if exhausted:
        allowed = f"{section.max} restarts within {section.within:g} s"
        more = f"[supervise.{planned.group}] max = {2 * section.max + 1}"
        fix = f"mend it, by the tracebacks in the log; or allow more: {more}"
        return Diagnostic("CK404", f"{name} crashed too often", planned.place, allowed, sentence(cause), fix)
    if isinstance(cause, CubekitError):
        message = f"{name}: {cause.diagnostics[0].message}"
        return replace(cause.diagnostics[0], message=message, place=cause.diagnostics[0].place or planned.place)
    if isinstance(cause, TimedOut):
        found = f"it stands at\n{cause.stack}" if cause.stack else None
        return Diagnostic("CK402", f"{name}: {cause}", planned.place, found=found, fix=cause.fix(planned.name))
    message = f"{name} {'crashed' if child.has_run else 'could not start'}: {sentence(cause)}"
    without = "" if planned.optional else f"; or do without it: [cubes.{planned.name}] optional = true"
    return Diagnostic("CK401", message, planned.place, fix=f"mend it, by the traceback in the log{without}")
