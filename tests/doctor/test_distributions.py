"""Distributions that do not fit together: requirements, names."""

from __future__ import annotations

from tests.doctor.installation import Installation

UNMET = {
    "absent": ("no-such-thing>=2", "needs no-such-thing >=2, which is not installed", "pip install 'no-such-thing>=2'"),
    "newer": ("anyio<2", "needs anyio <2, which is 4.", "pip install 'anyio<2'"),
    "marked": ("anyio<3; python_version > '3'", "needs anyio <3, which is 4.", "pip install 'anyio<3'"),
    "core": ("cubekit-core>=9", "needs cubekit-core >=9, which is 0.1.0", "pip install --upgrade core"),
}
MET = ["anyio", "anyio<2; python_version < '3'", "no-such-thing; extra == 'x'", "helper", "cubekit-core>=0.1,<0.2"]


def test_requirements_that_are_not_met(installation: Installation) -> None:
    for name, (requirement, _, _) in UNMET.items():
        installation.cube(name, "", metadata=f"Requires-Dist: pydantic\nRequires-Dist: {requirement}\n")
    report = installation.examine("--safe-mode")
    assert report.status == 1
    found = {one["subject"]: one for one in report.of("requirements", "error")}
    assert found.keys() == {f"{name} 1.0" for name in UNMET}
    for name, (_, said, fix) in UNMET.items():
        one = found[f"{name} 1.0"]
        assert one["text"].startswith(said)
        assert one["fix"] == fix
        assert (one["file"], one["line"]) == (str(installation.site / f"{name}-1.0.dist-info" / "METADATA"), 5)


def test_requirements_of_requirements_and_of_extras(installation: Installation) -> None:
    installation.install("helper", metadata="Provides-Extra: fast\nRequires-Dist: no-such-thing; extra == 'fast'\n")
    installation.install("indirect", metadata="Requires-Dist: anyio>9\n")
    installation.cube("asks", "", metadata="Requires-Dist: helper[fast]\nRequires-Dist: indirect\n")
    found = installation.examine("--safe-mode").of("requirements", "error")
    said = {(one["subject"], one["text"].partition(",")[0]) for one in found}
    assert said == {("helper 1.0", "needs no-such-thing"), ("indirect 1.0", "needs anyio >9")}


def test_requirements_that_are_met_or_do_not_apply(installation: Installation) -> None:
    installation.install("helper", metadata="Provides-Extra: fast\nRequires-Dist: no-such-thing; extra == 'fast'\n")
    installation.cube("fine", "", metadata="".join(f"Requires-Dist: {requirement}\n" for requirement in MET))
    report = installation.examine("--safe-mode")
    assert report.status == 0
    assert [one["severity"] for one in report.of("requirements")] == ["ok"]


def test_a_distribution_for_another_python(installation: Installation) -> None:
    installation.cube("old", "", metadata="Requires-Python: >=4\n")
    found = installation.examine("--safe-mode").only("requirements", "error")
    assert found["text"].startswith("needs Python >=4, and this is 3.")
    assert found["line"] == 4


def test_metadata_of_another_cubekit_than_runs(installation: Installation) -> None:
    info = installation.install("cubekit-core", version="7.0")
    found = installation.examine("--safe-mode").only("requirements", "error")
    assert found["text"] == "metadata of version 7.0 are installed, and the code that runs is 0.1.0"
    assert found["file"] == str(info / "METADATA")


def test_a_requirement_that_cannot_be_read(installation: Installation) -> None:
    installation.cube("odd", "", metadata="Requires-Dist: what >=is= this\n")
    report = installation.examine("--safe-mode")
    assert report.status == 0
    assert "cannot be read" in report.only("requirements", "warning")["text"]


def test_two_distributions_that_claim_one_cube(installation: Installation) -> None:
    for name in ("one", "two"):
        installation.install(name, entry_points="[cubekit.feature]\ngreeter = m:It\n")
    report = installation.examine("--safe-mode")
    assert report.status == 1
    found = report.only("names", "error")
    assert found["code"] == "CK203"
    assert "one" in found["text"]
    assert "two" in found["text"]
    assert found["fix"].startswith("pip uninstall ")


def test_a_command_with_the_name_of_a_verb(installation: Installation) -> None:
    installation.install("greedy", entry_points="[cubekit.commands]\nup = m:go\n")
    report = installation.examine("--safe-mode")
    assert report.status == 0
    assert 'its command "up" is hidden' in report.only("names", "warning")["text"]


def test_an_entry_point_that_cannot_be_read_has_its_line(installation: Installation) -> None:
    info = installation.install("odd", entry_points="[cubekit.feature]\nodd = not a target\n")
    found = installation.examine("--safe-mode").only("names", "error")
    assert (found["code"], found["file"], found["line"]) == ("CK306", str(info / "entry_points.txt"), 2)


def test_what_is_left_of_another_version(installation: Installation) -> None:
    installation.cube("twice", "", version="1.0")
    installation.cube("twice", "", version="1.1")
    report = installation.examine("--safe-mode")
    assert report.status == 1
    found = report.only("names", "error")
    assert "in one directory twice" in found["text"]
    assert "twice-1.0.dist-info" in found["text"]
    assert "twice-1.1.dist-info" in found["text"]
