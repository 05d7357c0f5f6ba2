"""What every provider of ``cubekit.authenticator`` answers: a conformance suite."""

from __future__ import annotations

import pytest

from cubekit.authoring.failures import Unauthenticated
from cubekit.authoring.security import Authenticator, Credentials

CONTRACT = Authenticator
pytestmark = pytest.mark.anyio

_NOBODY = [
    Credentials(),
    Credentials(authorization=""),
    Credentials(authorization="Bearer "),
    Credentials(authorization="Bearer no-such-token"),
    Credentials(authorization="Basic bm9ib2R5Om5vdGhpbmc="),
    Credentials(authorization="Unheard-of \0\ud7ff"),
    Credentials(authorization="Bearer " + "x" * 100_000),
    Credentials(api_key="no-such-key"),
    Credentials(cookies={"session": "no-such-session"}),
]


@pytest.mark.parametrize("credentials", _NOBODY, ids=range(len(_NOBODY)))
async def test_nobody_is_let_in_who_is_not_known(provider: Authenticator, credentials: Credentials) -> None:
    """Whatever a stranger presents, the answer is `Unauthenticated`, and nothing else."""
    with pytest.raises(Unauthenticated):
        await provider.authenticate(credentials)
