"""Colours, and the table of who may require whom, against the words of the architecture."""

from __future__ import annotations

import pytest

from cubekit.ground.colours import MAY_REQUIRE, Colour

EVERYONE_MAY_REQUIRE = "monitoring"
ARCHITECTURE = {
    "feature": "feature data security integration",
    "network": "feature security",
    "data": "data security",
    "security": "data integration security",
    "monitoring": "data security integration",
    "ui": "feature network security ui integration",  # all but data
    "integration": "data security integration",
}


@pytest.mark.parametrize("colour", Colour)
def test_each_colour_may_require_what_the_architecture_says(colour: Colour) -> None:
    assert MAY_REQUIRE[colour] == {*ARCHITECTURE[colour].split(), EVERYONE_MAY_REQUIRE}


def test_the_table_speaks_of_all_seven_colours() -> None:
    assert set(MAY_REQUIRE) == set(Colour) == set(ARCHITECTURE)
    assert len(Colour) == 7


def test_nobody_but_ui_requires_ui() -> None:
    assert [colour for colour in Colour if Colour.UI in MAY_REQUIRE[colour]] == [Colour.UI]


def test_network_and_data_stay_apart() -> None:
    assert Colour.DATA not in MAY_REQUIRE[Colour.NETWORK]
    assert Colour.NETWORK not in MAY_REQUIRE[Colour.DATA]


def test_each_colour_has_a_group_an_emoji_and_a_terminal_colour_of_its_own() -> None:
    assert Colour.FEATURE.group == "cubekit.feature"
    assert len({colour.emoji for colour in Colour}) == len({colour.ansi for colour in Colour}) == 7
    assert all(0 <= colour.ansi <= 255 for colour in Colour)
