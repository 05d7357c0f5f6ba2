"""Which releases are chosen, and why none are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from cubekit.discovery.registry import Registry
from cubekit.ground.diagnostics import CubekitError, Diagnostic
from cubekit.ground.versions import SpecifierSet
from cubekit.registry.resolver import resolve
from cubekit.registry.shelf import Shelf
from cubekit.registry.sources import Source

WHEEL = {"name": "x-1-py3-none-any.whl", "sha256": "0" * 64}


def release(version: str, **more: Any) -> dict[str, Any]:
    return {"version": version, "api": ">=0.1,<0.2", "publisher": "Ada", "files": [WHEEL], **more}


def provider(version: str, contract: str, **more: Any) -> dict[str, Any]:
    return release(version, provides=[f"test.store@{contract}"], **more)


def consumer(version: str, admitted: str, **more: Any) -> dict[str, Any]:
    return release(version, requires=[f"test.store{admitted}"], **more)


def shelf(**cubes: Sequence[dict[str, Any]]) -> Shelf:
    entries = {
        name: {"colour": "data", "distribution": name, "summary": name, "releases": list(releases)}
        for name, releases in cubes.items()
    }
    return Shelf(((Source("local", "/nowhere"), Registry.model_validate({"cubes": entries})),))


def chosen(known: Shelf, *wanted: str, **settings: Any) -> dict[str, str]:
    ranges = {name: SpecifierSet(versions) for name, _, versions in (text.partition(" ") for text in wanted)}
    return {name: choice.release.version for name, choice in resolve(ranges, known, **settings).items()}


def refused(known: Shelf, *wanted: str) -> Diagnostic:
    with pytest.raises(CubekitError) as caught:
        chosen(known, *wanted)
    return caught.value.diagnostics[0]


def test_the_newest_final_release_is_taken() -> None:
    known = shelf(one=[release("1.9"), release("1.10"), release("2.0rc1"), release("0.5")])
    assert chosen(known, "one") == {"one": "1.10"}
    assert chosen(known, "one <1") == {"one": "0.5"}
    assert chosen(known, "one >=2.0rc1") == {"one": "2.0rc1"}


def test_a_version_is_kept_where_it_fits() -> None:
    known = shelf(one=[release("1.0"), release("1.1")])
    assert chosen(known, "one", preferred={"one": "1.0.0"}) == {"one": "1.0"}
    assert chosen(known, "one >1.0", preferred={"one": "1.0"}) == {"one": "1.1"}


def test_releases_for_other_versions_of_cubekit_are_passed_over() -> None:
    known = shelf(one=[release("1.0"), release("2.0", api=">=7")])
    assert chosen(known, "one") == {"one": "1.0"}
    problem = refused(known, "one >=2")
    assert problem.code == "CK603"
    assert problem.found == "1.0: not >=2\n2.0: for cubekit-core >=7, and this is 0.1.0"


def test_releases_for_other_systems_are_passed_over() -> None:
    other = {"name": "x-2-cp311-cp311-win_arm64.whl", "sha256": "0" * 64}
    source = {"name": "x-3.tar.gz", "sha256": "0" * 64}
    known = shelf(one=[release("1.0"), release("2.0", files=[other]), release("3.0", files=[source])])
    assert chosen(known, "one") == {"one": "1.0"}
    assert refused(known, "one ==3.0").found == "\n".join(
        ["1.0: not ==3.0", "2.0: not ==3.0", "3.0: no wheel for this Python and system"]
    )


def test_a_release_without_files_is_taken_if_it_is_installed() -> None:
    known = shelf(one=[release("1.0", files=[])])
    assert refused(known, "one").code == "CK603"
    assert chosen(known, "one", installed={"one": "1.0"}) == {"one": "1.0"}
    assert refused(known, "one").code == "CK603"


def test_a_missing_provider_is_found() -> None:
    known = shelf(shop=[consumer("1.0", ">=1,<2")], store=[provider("1.0", "1.0"), provider("2.0", "2.0")])
    assert chosen(known, "shop") == {"shop": "1.0", "store": "1.0"}


def test_an_older_consumer_fits_an_older_provider() -> None:
    known = shelf(
        shop=[consumer("1.0", ">=1,<2"), consumer("2.0", ">=2,<3")],
        store=[provider("1.0", "1.0"), provider("2.0", "2.0")],
    )
    assert chosen(known, "shop", "store") == {"shop": "2.0", "store": "2.0"}
    assert chosen(known, "shop", "store <2") == {"shop": "1.0", "store": "1.0"}


def test_one_of_several_providers_is_enough() -> None:
    known = shelf(shop=[consumer("1.0", ">=2")], old=[provider("1.0", "1.0")], new=[provider("1.0", "2.0")])
    assert chosen(known, "shop", "old", "new").keys() == {"shop", "old", "new"}


def test_a_conflict_names_who_requires_what_and_what_there_is() -> None:
    known = shelf(shop=[consumer("1.0", ">=2,<3")], store=[provider("1.0", "1.1")])
    problem = refused(known, "shop", "store")
    assert (problem.code, problem.needed) == ("CK603", "shop 1.0 requires test.store >=2,<3")
    assert problem.found == "store 1.0 provides test.store 1.1"


def test_the_reader_chooses_between_providers() -> None:
    known = shelf(shop=[consumer("1.0", ">=1")], red=[provider("1.0", "1.0")], green=[provider("1.0", "1.0")])
    problem = refused(known, "shop")
    assert problem.message == '"shop" requires the contract test.store, which 2 cubes provide'
    assert (problem.found, problem.fix) == ("green, red", "cubekit registry add green shop")
    assert chosen(known, "shop", "red").keys() == {"shop", "red"}


def test_nobody_provides() -> None:
    problem = refused(shelf(shop=[consumer("1.0", ">=1")]), "shop")
    assert problem.message == '"shop" requires the contract test.store, which no cube of any registry provides'


def test_a_name_without_a_release_belongs_to_its_registry_all_the_same() -> None:
    """Else pip would take its distribution from an index."""
    owner = shelf(one=[]).releases("one")
    assert owner is not None
    assert list(owner[1]) == []
    assert shelf(one=[]).releases("other") is None


def test_a_withdrawn_release_is_taken_by_nobody() -> None:
    known = shelf(one=[release("1.0"), release("1.1", yanked="loses data")])
    assert chosen(known, "one") == {"one": "1.0"}
    assert chosen(known, "one", preferred={"one": "1.1"}) == {"one": "1.0"}
    problem = refused(known, "one ==1.1")
    assert (problem.code, problem.fix) == ("CK608", "admit 1.0 instead")


def test_a_provider_that_is_pinned_where_it_provides_nothing() -> None:
    known = shelf(shop=[consumer("1.0", ">=1")], store=[release("1.0"), provider("2.0", "1.0")])
    problem = refused(known, "shop", "store ==1.0")
    assert problem.message == ('"shop" requires the contract test.store, which no admitted release of store provides')
    assert (problem.found, problem.fix) == ("store", "admit other versions of store")
    assert chosen(known, "shop", "store") == {"shop": "1.0", "store": "2.0"}


def test_a_conflict_is_not_tried_with_every_release_of_cubes_that_have_no_part_in_it() -> None:
    others = {f"m{number}": [release(f"1.{minor}") for minor in range(10)] for number in range(20)}
    known = shelf(aa=[consumer("1.0", ">=2")], zz=[provider("1.0", "1.0")], **others)
    assert refused(known, "aa", "zz", *others).needed == "aa 1.0 requires test.store >=2"
    known = shelf(aa=[consumer("1.0", ">=1"), consumer("2.0", ">=2")], zz=[provider("1.0", "1.0")], **others)
    found = chosen(known, "aa", "zz", *others)
    assert (found["aa"], found["m0"]) == ("1.0", "1.9")
