"""The examples in the documentation run."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cubekit.testing import http_client, running

ROOT = Path(__file__).parent.parent
PAGES = [
    page for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")] if "```python" in page.read_text(encoding="utf-8")
]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_python_of_a_page_runs(page: Path, tmp_path: Path) -> None:
    script = tmp_path / "page.py"
    script.write_text("\n\n".join(blocks(page, "python")), encoding="utf-8")
    done = subprocess.run([sys.executable, "-W", "error", str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["README.md", "README.ko.md"])
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.anyio
async def test_the_readme_shows_what_the_service_answers(name: str, anyio_backend: str) -> None:
    page = ROOT / name
    request = json.loads(re.findall(r"-d '(.*?)'", page.read_text(encoding="utf-8"))[0])
    shown = json.loads(blocks(page, "json")[0])
    async with running(ROOT / "examples" / "saju") as service, http_client(service) as client:
        answer: dict[str, Any] = (await client.post("/api/v1/saju/calculate", json=request)).json()
    assert answer["success"] is shown["success"]
    assert answer["data"]["sajuPan"] == shown["data"]["sajuPan"]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.anyio
async def test_the_example_with_monitoring(anyio_backend: str) -> None:
    async with running(ROOT / "examples" / "saju" / "observed.toml") as service, http_client(service) as client:
        report = {"page": "/saju", "vitals": [{"name": "LCP", "value": 900}]}
        assert (await client.post("/api/v1/metrics/client", json=report)).status_code == 200
        assert (await client.get("/api/v1/metrics/levels")).json()["data"].keys() == {"saju", "monitoring"}
