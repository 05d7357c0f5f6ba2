"""What the operations for operators are refused with."""

from __future__ import annotations

from cubekit import NotFound, PermissionDenied

__all__ = ["NoSuchCube", "ScopeNeeded"]


class ScopeNeeded(PermissionDenied):
    """The caller neither holds the scope nor calls from the machine of the service."""

    message = 'This needs the scope "{scope}", or a call from the machine of the service.'
    translations = {"ko": '"{scope}" 권한이 있거나 서비스와 같은 컴퓨터에서 호출해야 합니다.'}


class NoSuchCube(NotFound):
    """The service has no such instance."""

    message = 'There is no cube "{cube}" here, only {known}.'
    translations = {"ko": '"{cube}" 큐브는 이 서비스에 없습니다. 있는 큐브: {known}.'}
