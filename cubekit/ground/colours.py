"""The seven colours of a cube, and which colour may require which."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["MAY_REQUIRE", "Colour"]


class Colour(StrEnum):
    """What a cube is for. The entry-point group ``cubekit.<colour>`` carries it, so it is known without an import."""

    FEATURE = "feature"
    NETWORK = "network"
    DATA = "data"
    SECURITY = "security"
    MONITORING = "monitoring"
    UI = "ui"
    INTEGRATION = "integration"

    @property
    def emoji(self) -> str:
        """The coloured square that stands for the colour, e.g. ``🟦``."""
        return _EMOJI[self]

    @property
    def ansi(self) -> int:
        """The colour's number in the 256-colour terminal palette."""
        return _ANSI[self]

    @property
    def group(self) -> str:
        """The entry-point group of cubes of this colour, e.g. ``cubekit.feature``."""
        return f"cubekit.{self.value}"


_EMOJI = {
    Colour.FEATURE: "🟦",
    Colour.NETWORK: "🟩",
    Colour.DATA: "🟨",
    Colour.SECURITY: "🟥",
    Colour.MONITORING: "🟪",
    Colour.UI: "🟧",
    Colour.INTEGRATION: "🟫",
}
_ANSI = {
    Colour.FEATURE: 33,
    Colour.NETWORK: 35,
    Colour.DATA: 220,
    Colour.SECURITY: 160,
    Colour.MONITORING: 134,
    Colour.UI: 208,
    Colour.INTEGRATION: 137,
}

MAY_REQUIRE: dict[Colour, frozenset[Colour]] = {
    # Product logic builds on other products, on stored data, on guards and on the outside world.
    Colour.FEATURE: frozenset({Colour.FEATURE, Colour.DATA, Colour.SECURITY, Colour.INTEGRATION, Colour.MONITORING}),
    # A transport carries features and checks callers; it never touches a database: the two layers stay apart.
    Colour.NETWORK: frozenset({Colour.FEATURE, Colour.SECURITY, Colour.MONITORING}),
    # Storage may stack (cache over database) and be guarded, but knows neither transports nor products.
    Colour.DATA: frozenset({Colour.DATA, Colour.SECURITY, Colour.MONITORING}),
    # Guards keep their own records and may ask an identity provider outside.
    Colour.SECURITY: frozenset({Colour.DATA, Colour.INTEGRATION, Colour.SECURITY, Colour.MONITORING}),
    # Observers store and forward what they see; they never depend on what they watch.
    Colour.MONITORING: frozenset({Colour.DATA, Colour.SECURITY, Colour.INTEGRATION, Colour.MONITORING}),
    # Screens show everything, but reach data only through features.
    Colour.UI: frozenset(set(Colour) - {Colour.DATA}),
    # Adapters to the outside world keep credentials and records, nothing else.
    Colour.INTEGRATION: frozenset({Colour.DATA, Colour.SECURITY, Colour.INTEGRATION, Colour.MONITORING}),
}
"""For each colour, the colours whose contracts it may require directly. Events and runtime services are exempt.

Everyone may require monitoring, and nobody but ui requires ui.
"""
