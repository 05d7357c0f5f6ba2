"""Version of the library and of its tables, as stated in every chart."""

from __future__ import annotations

from typing import Final

VERSION: Final = "0.1.0"
