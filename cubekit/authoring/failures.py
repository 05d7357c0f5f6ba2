"""Domain errors: what an operation may declare and raise, and what every port knows how to say.

A failure carries a stable code, parameters and a message that can be translated. Raise one of the standard kinds, or
declare your own by deriving from the kind that fits::

    class NoSuchLeapMonth(Invalid):
        message = "Lunar year {year} has no leap month {month}."
        translations = {"ko": "음력 {year}년에는 윤{month}월이 없습니다."}

    raise NoSuchLeapMonth(field="isLeapMonth", year=1990, month=4)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar

__all__ = [
    "Conflict",
    "DeadlineExceeded",
    "Failure",
    "Internal",
    "Invalid",
    "NotFound",
    "Overloaded",
    "PermissionDenied",
    "RateLimited",
    "Unauthenticated",
    "Unavailable",
]


class Failure(Exception):
    """Base of all domain errors.

    :param text: the message, if the class has none that fits; ``params`` are filled in.
    :param field: JSON name of the field that is to blame; it becomes a key of ``errors`` in the HTTP answer.
    :param retry_after: seconds after which another try makes sense.
    :param params: what the message mentions; they travel with the error.
    """

    code: ClassVar[str] = "INTERNAL"
    """One of the codes of the public contract."""
    status: ClassVar[int] = 500
    """HTTP status."""
    retryable: ClassVar[bool] = False
    """Whether the same call may succeed later."""
    message: ClassVar[str] = "The operation failed."
    """English message; ``{name}`` stands for a parameter."""
    translations: ClassVar[Mapping[str, str]] = {}
    """Messages in other languages, by language code."""

    def __init__(
        self, text: str | None = None, *, field: str | None = None, retry_after: float | None = None, **params: object
    ) -> None:
        self.text = text
        self.field = field
        self.retry_after = retry_after
        self.params = params
        super().__init__(self.localized("en"))

    def localized(self, locale: str) -> str:
        """Return the message in a language (``ko`` or ``ko-KR``), or in English if there is no translation."""
        template = self.text or self.translations.get(locale.split("-")[0].lower()) or self.message
        # Not str.format: a message may contain what a user wrote, and that must not be evaluated.
        return re.sub(r"\{(\w+)\}", lambda match: str(self.params.get(match[1], match[0])), template)

    @classmethod
    def slug(cls) -> str:
        """The kind's name in URIs: ``NoSuchLeapMonth`` → ``no-such-leap-month``."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", cls.__name__).lower()


class Invalid(Failure):
    """The input is well-formed but wrong."""

    code, status = "VALIDATION", 422
    message = "The input is not valid."
    translations = {"ko": "입력값이 올바르지 않습니다."}


class Unauthenticated(Failure):
    """Nobody knows who is calling."""

    code, status = "AUTHENTICATION", 401
    message = "Sign in to use this operation."
    translations = {"ko": "로그인이 필요합니다."}


class PermissionDenied(Failure):
    """The caller is known and may not do this."""

    code, status = "PERMISSION", 403
    message = "You may not use this operation."
    translations = {"ko": "이 작업을 할 권한이 없습니다."}


class NotFound(Failure):
    """There is no such thing."""

    code, status = "NOT_FOUND", 404
    message = "Not found."
    translations = {"ko": "찾을 수 없습니다."}


class Conflict(Failure):
    """The thing is in a state that does not allow this."""

    code, status = "CONFLICT", 409
    message = "The current state does not allow this."
    translations = {"ko": "현재 상태에서는 할 수 없는 작업입니다."}


class RateLimited(Failure):
    """The caller asks too often."""

    code, status, retryable = "RATE_LIMITED", 429, True
    message = "Too many requests."
    translations = {"ko": "요청이 너무 많습니다."}


class DeadlineExceeded(Failure):
    """The call's deadline passed before there was an answer."""

    code, status, retryable = "TIMEOUT", 504, True
    message = "The operation did not finish in time."
    translations = {"ko": "제한 시간 안에 작업이 끝나지 않았습니다."}


class Overloaded(Failure):
    """More is being asked than can be done; refused at once."""

    code, status, retryable = "OVERLOADED", 503, True
    message = "The service is overloaded."
    translations = {"ko": "서비스가 과부하 상태입니다."}


class Unavailable(Failure):
    """The cube that answers this is starting, restarting or stopped."""

    repeatable_for: str | None = None
    """The instance of which the same call may be made again, or of another in its place, whatever the operation is:
    nothing of it was done. Set by the runtime."""

    code, status, retryable = "UNAVAILABLE", 503, True
    message = "This part of the service is not available right now."
    translations = {"ko": "지금은 이 기능을 사용할 수 없습니다."}


class Internal(Failure):
    """The service made a mistake. What it was is in the log under the call's trace id, never in the answer."""

    code, status = "INTERNAL", 500
    message = "The service made a mistake."
    translations = {"ko": "서비스 내부 오류가 발생했습니다."}
