"""One scan finds all that is installed, and nothing broken hides the rest. The distributions here are made up."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import time
import zipfile
from importlib import import_module
from pathlib import Path

import pytest

# Imported before sys.path is replaced: these are installed, and a scan imports them late.
from cubekit.discovery import Catalogue, CubeInfo, ExtensionInfo, distributions, scan
from cubekit.discovery.cache import Snapshot
from cubekit.ground.colours import Colour
from cubekit.ground.diagnostics import Place

SAJU = "[cubekit.feature]\nsaju-calculation = cubekit_saju:Saju\n"


class Site:
    """A directory of installed distributions."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.path.mkdir()

    def install(self, name: str, entry_points: str = "", version: str = "1.0", metadata: str = "") -> Path:
        info = self.path / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{metadata}\n", "utf-8"
        )
        (info / "entry_points.txt").write_text(entry_points, "utf-8")
        return info

    def age(self) -> None:
        """Let the last change lie an hour back, but not where earlier calls put it."""
        moment = time.time_ns() - 3600 * 10**9
        os.utime(self.path, ns=(moment, moment))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """The only directory with distributions on `sys.path`."""
    for late in ("platformdirs", "zipp.compat.overlay"):  # the latter lets importlib_metadata read zip files
        import_module(late)
    site = Site(tmp_path / "site")
    standard = [sysconfig.get_path("stdlib"), sysconfig.get_config_var("DESTSHARED")]
    monkeypatch.setattr(sys, "path", [str(site.path), *filter(None, standard)])
    monkeypatch.setenv("CUBEKIT_CACHE_DIR", str(tmp_path / "cache"))
    return site


def test_cubes_and_extensions_are_found_with_their_distributions(site: Site) -> None:
    site.install(
        "cubekit-saju-calculation",
        "[console_scripts]\nx = y:z\n# a comment\n"
        + SAJU
        + "; another\n\n[cubekit.data]\nAda.Store = a.b:C.D [extra]\n",
        version="0.1.2",
        metadata="Requires-Dist: pydantic\nRequires-Dist: Cubekit_Core[saju] (>=0.1,<0.2)\n"
        "Requires-Dist: cubekit-core>=9; extra == 'x'\n",
    )
    site.install(
        "Some.Tools",
        "[cubekit.commands]\nzap = t:zap\nadd = t:add\n[cubekit.hooks]\naudit=t",
    )
    site.install("unrelated", "[pytest11]\nx = y\n")
    catalogue = scan()
    common = ("cubekit-saju-calculation", "0.1.2", str(site.path), "<0.2,>=0.1")
    assert catalogue.cubes == (
        CubeInfo("ada-store", Colour.DATA, "a.b:C.D", *common),
        CubeInfo("saju-calculation", Colour.FEATURE, "cubekit_saju:Saju", *common),
    )
    assert [info.name for info in catalogue.commands] == ["add", "zap"]
    assert catalogue.hooks == (ExtensionInfo("audit", "t", "Some.Tools", "1.0"),)
    assert catalogue.diagnostics == ()
    assert catalogue.conflicts == {}


def test_an_empty_installation_is_an_empty_catalogue(site: Site) -> None:
    assert scan() == Catalogue()


@pytest.mark.parametrize("colour", Colour)
def test_the_group_carries_the_colour(site: Site, colour: Colour) -> None:
    site.install("one", f"[cubekit.{colour}]\nx = m:C\n")
    (cube,) = scan().cubes
    assert cube.colour is colour
    assert cube.requires_cubekit is None


def test_two_distributions_that_claim_one_name_are_a_conflict_that_names_both(site: Site) -> None:
    site.install("one", "[cubekit.data]\nStore = one:A\nother = one:B\n")
    site.install("two", "[cubekit.data]\nstore = two:A\n", version="2.0")
    catalogue = scan()
    assert [cube.name for cube in catalogue.cubes] == ["other"]
    assert catalogue.get("store") is None
    assert {cube.distribution for cube in catalogue.conflicts["store"]} == {"one", "two"}
    (problem,) = catalogue.diagnostics
    assert problem.code == "CK203"
    assert 'cube "store" is claimed by' in problem.message
    assert {"one:A (data) from one 1.0", "two:A (data) from two 2.0"} == {
        line.partition(" in ")[0] for line in (problem.found or "").splitlines()
    }
    assert problem.fix in {"pip uninstall one", "pip uninstall two"}


def test_one_distribution_that_claims_a_name_twice_is_a_conflict(site: Site) -> None:
    site.install("one", "[cubekit.data]\nstore = one:A\n[cubekit.ui]\nstore = one:A\n")
    catalogue = scan()
    assert catalogue.cubes == ()
    (problem,) = catalogue.diagnostics
    assert problem.message == 'cube "store" is claimed 2 times by one'
    assert "pyproject.toml of one" in (problem.fix or "")


def test_the_same_distribution_twice_on_the_path_is_one_and_the_first_wins(site: Site, tmp_path: Path) -> None:
    site.install("Cubekit-Saju", "[cubekit.data]\nsaju = new:Saju\n", version="2.0")
    second = Site(tmp_path / "second")
    second.install("cubekit_saju", "[cubekit.data]\nsaju = old:Saju\n", version="1.0")
    second.install("hidden", "[cubekit.data]\nhidden = h:H\n", version="1.0")
    site.install("hidden", "", version="2.0")  # offers no cube any more, and hides the one that does
    sys.path.append(str(second.path))
    catalogue = scan()
    assert [(cube.target, cube.version) for cube in catalogue.cubes] == [("new:Saju", "2.0")]
    assert catalogue.diagnostics == ()
    sys.path.reverse()
    assert [(cube.name, cube.version) for cube in scan().cubes] == [("hidden", "1.0"), ("saju", "1.0")]


def test_one_name_for_two_plugins_is_an_error_and_neither_is_used(site: Site) -> None:
    site.install("one", "[cubekit.commands]\nzap = one:zap\n[cubekit.hooks]\nzap = one:hook\n")
    site.install("two", "[cubekit.commands]\nzap = two:zap\n")
    catalogue = scan()
    assert catalogue.commands == ()
    assert [hook.name for hook in catalogue.hooks] == ["zap"]
    (problem,) = catalogue.diagnostics
    assert problem.code == "CK305"
    assert problem.message.startswith('cubekit.commands: "zap" is claimed by')


@pytest.mark.parametrize(
    "line",
    ["bad", "bad = ", "= m:C", "bad = m:", "bad = m:C:D", "bad = m-n:C", "bad = 1m:C", "bad = m..n:C", "b d = m:C"],
)
def test_a_malformed_entry_point_is_reported_with_its_line_and_hides_nothing(site: Site, line: str) -> None:
    info = site.install("broken", f"[cubekit.data]\nfirst = m:A\n{line}\nlast = m:B\n", version="3.0")
    site.install("fine", SAJU)
    catalogue = scan()
    assert [cube.name for cube in catalogue.cubes] == ["first", "last", "saju-calculation"]
    (problem,) = catalogue.diagnostics
    assert problem.code == "CK306"
    assert problem.message == "an entry point of broken 3.0 cannot be read"
    assert problem.found == line.strip()
    assert problem.place == Place(str(info / "entry_points.txt"), 3)
    assert problem.severity == "error"


def test_malformed_entry_points_of_other_programs_are_none_of_our_business(site: Site) -> None:
    site.install("other", "[console_scripts]\nbad\n" + SAJU)
    assert scan().diagnostics == ()
    assert len(scan().cubes) == 1


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("METADATA", b""),
        ("METADATA", b"Metadata-Version: 2.1\nName: broken\n"),
        ("METADATA", b"Name: \xff\n"),
        ("METADATA", None),
        ("METADATA", b"Name: broken\nVersion: 1\nRequires-Dist: cubekit-core >=,\n"),
        ("entry_points.txt", b"[cubekit.data]\n\xff = m:C\n"),
    ],
)
def test_broken_metadata_is_reported_and_hides_nothing(site: Site, file: str, content: bytes | None) -> None:
    info = site.install("broken", "[cubekit.data]\nx = m:C\n")
    if content is None:
        (info / file).unlink()
    else:
        (info / file).write_bytes(content)
    site.install("fine", SAJU)
    catalogue = scan()
    assert [cube.name for cube in catalogue.cubes] == ["saju-calculation"]
    (problem,) = catalogue.diagnostics
    assert problem.code == "CK306"
    assert problem.place == Place(str(info / "entry_points.txt"))
    assert problem.severity == ("error" if file == "METADATA" else "warning")


def test_an_unknown_group_is_a_warning_with_the_group_that_was_meant(site: Site) -> None:
    site.install("one", "[cubekit.featrue]\nx = m:C\n")
    (problem,) = scan().diagnostics
    assert (problem.code, problem.severity) == ("CK306", "warning")
    assert problem.fix == 'in the pyproject.toml of one write "cubekit.feature", and install it'


def test_distributions_in_a_zip_file_are_found(site: Site, tmp_path: Path) -> None:
    archive = tmp_path / "bundle.zip"
    with zipfile.ZipFile(archive, "w") as bundle:
        bundle.writestr("zipped-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: zipped\nVersion: 1.0\n")
        bundle.writestr("zipped-1.0.dist-info/entry_points.txt", SAJU)
    sys.path.append(str(archive))
    (cube,) = scan().cubes
    assert cube.distribution == "zipped"
    assert cube.location is not None
    assert cube.location.rstrip("/") == str(archive)


# The cache


@pytest.fixture
def scans(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Grows by one whenever the distributions are really read."""
    counted: list[None] = []
    read = distributions.read_distributions

    def count() -> Catalogue:
        counted.append(None)
        return read()

    monkeypatch.setattr(distributions, "read_distributions", count)
    return counted


def cache_files() -> list[Path]:
    return sorted(Path(os.environ["CUBEKIT_CACHE_DIR"]).glob("*"))


def test_a_second_scan_comes_from_the_cache_and_is_the_same(site: Site, scans: list[None]) -> None:
    site.install("one", "[cubekit.data]\na = m:A\nb = m:B\nbad\n[cubekit.commands]\nc = m:C\n")
    site.install("two", "[cubekit.data]\na = m:A\n")
    site.age()
    first = scan()
    assert first.conflicts
    assert len(first.diagnostics) == 2
    assert scan() == first
    assert len(scans) == 1
    assert scan(refresh=True) == first
    assert len(scans) == 2


def test_installing_and_uninstalling_are_noticed(site: Site, scans: list[None]) -> None:
    site.age()
    assert scan().cubes == ()
    info = site.install("one", SAJU)
    assert len(scan().cubes) == 1, "at once"
    site.age()
    assert len(scan().cubes) == 1
    assert len(scan().cubes) == 1
    assert len(scans) == 3
    for file in info.iterdir():
        file.unlink()
    info.rmdir()
    assert scan().cubes == ()


def test_a_directory_that_changed_just_now_is_not_cached(site: Site, scans: list[None]) -> None:
    scan()
    scan()
    assert len(scans) == 2
    assert cache_files() == []


def test_another_path_python_or_cubekit_has_its_own_answer(
    site: Site, scans: list[None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.age()
    scan()
    other = Site(tmp_path / "other")
    other.install("one", SAJU)
    other.age()
    with monkeypatch.context() as change:
        change.setattr(sys, "path", [str(other.path), *sys.path])
        assert len(scan().cubes) == 1
    with monkeypatch.context() as change:
        change.setattr(sys, "version", "3.99")
        scan()
    with monkeypatch.context() as change:
        change.setattr("cubekit.discovery.cache.__version__", "99")
        scan()
    assert len(scans) == 4
    assert scan().cubes == ()
    assert len(scans) == 4, "and none displaced another"


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff", b"[]", b"null", b'{"environment": 1}', b"[" * 100_000],
)
def test_a_broken_cache_is_made_anew(site: Site, scans: list[None], content: bytes) -> None:
    site.install("one", SAJU)
    site.age()
    expected = scan()
    (file,) = cache_files()
    file.write_bytes(content)
    assert scan() == expected
    assert scan() == expected
    assert len(scans) == 2


def test_a_cache_of_another_shape_is_made_anew(site: Site, scans: list[None]) -> None:
    site.install("one", SAJU)
    site.age()
    expected = scan()
    (file,) = cache_files()
    file.write_text(file.read_text("utf-8").replace('"target"', '"aim"'), "utf-8")
    assert scan() == expected
    assert len(scans) == 2


def test_a_cache_that_cannot_be_kept_does_no_harm(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scans: list[None]
) -> None:
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setenv("CUBEKIT_CACHE_DIR", str(file / "below"))
    site.install("one", SAJU)
    site.age()
    assert len(scan().cubes) == len(scan().cubes) == 1
    assert len(scans) == 2


def test_without_a_home_directory_nothing_is_kept(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scans: list[None]
) -> None:
    monkeypatch.delenv("CUBEKIT_CACHE_DIR")
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: Path("~/.cache/cubekit"))
    monkeypatch.chdir(tmp_path)
    site.age()
    scan()
    scan()
    assert len(scans) == 2
    assert not (tmp_path / "~").exists()


def test_the_users_cache_directory_is_used(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scans: list[None]
) -> None:
    monkeypatch.delenv("CUBEKIT_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: tmp_path / "home" / "cubekit")
    site.age()
    scan()
    scan()
    assert len(scans) == 1
    assert len(list((tmp_path / "home" / "cubekit").iterdir())) == 1


def test_the_cache_does_not_grow_without_end(site: Site, tmp_path: Path) -> None:
    site.age()
    for number in range(40):
        sys.path.append(str(tmp_path / f"missing{number}"))
        scan()
    assert len(cache_files()) == 32


def test_odd_entries_of_the_path_are_no_obstacle(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    sys.path += ["", "relative"]
    site.install("one", SAJU)
    assert len(scan().cubes) == 1
    assert None in Snapshot.take().times


def test_importing_discovery_is_cheap() -> None:
    program = (
        "import sys, cubekit.discovery\n"
        "cubekit.discovery.Catalogue, cubekit.discovery.scan\n"
        "heavy = {'importlib_metadata', 'platformdirs', 'packaging', 'pydantic', 'tomllib', 'difflib', 'email'}\n"
        "print(sorted(heavy & sys.modules.keys()))"
    )
    output = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert output.stdout.strip() == "[]"
