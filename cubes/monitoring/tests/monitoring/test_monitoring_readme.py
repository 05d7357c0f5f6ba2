"""The README says what is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cubekit.composition.compose import compose
from pydantic import BaseModel

from cubekit_monitoring.config import Config

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("example", re.findall(r"```toml\n(.*?)```", README, flags=re.DOTALL))
def test_examples_compose(example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALERT_TOKEN", "Bearer ada")
    use = "" if "use = " in example else '[cubes.monitoring]\nuse = "monitoring"\n'
    (tmp_path / "service.toml").write_text(f'[service]\nname = "readme"\n{use}{example}', encoding="utf-8")
    assert compose(tmp_path).warnings == ()


def test_every_key_is_documented() -> None:
    for name, field in Config.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            for key in section.model_fields:
                assert f"{name}.{key}" in README
        else:
            assert f"`{name}`" in README
