"""Finds everything installed for cubekit in one pass over the distributions, and remembers it.

The pass reads one small file of each distribution and imports none of them. Its result is kept in the user's cache
directory until something is installed or removed, so that a command of cubekit need not wait for it again.
"""

from __future__ import annotations

from cubekit.discovery.cache import Snapshot
from cubekit.discovery.cubes import Catalogue

__all__ = ["scan"]


def scan(*, refresh: bool = False) -> Catalogue:
    """Return what is installed: cubes, commands, hook plugins, and what is wrong with them.

    :param refresh: look again, even if nothing seems to have changed.
    """
    snapshot = Snapshot.take()
    catalogue = None if refresh else snapshot.stored()
    if catalogue is None:
        from cubekit.discovery.distributions import read_distributions  # slow to import, and rarely needed

        catalogue = read_distributions()
        snapshot.store(catalogue)
    return catalogue
