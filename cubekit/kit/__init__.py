"""The contract-test kit: what every cube is held to, as tests.

`cubekit test DIRECTORY` runs it, and so does ``pytest --pyargs cubekit.kit.suite --cube DIRECTORY``. It needs the extra
``cubekit-core[test]``. Nothing is imported here: pytest loads the plugin of this package wherever cubekit is installed.
"""

from __future__ import annotations

__all__: list[str] = []
