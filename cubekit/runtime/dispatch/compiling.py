"""Compiles what `source` writes, for one endpoint."""

from __future__ import annotations

import linecache
from bisect import bisect_left
from collections.abc import Mapping
from time import monotonic
from typing import TYPE_CHECKING, Any
from zlib import crc32

import anyio

from cubekit.authoring.context import CallContext, active_call, with_deadline
from cubekit.authoring.failures import DeadlineExceeded
from cubekit.runtime.causes import raise_alone
from cubekit.runtime.dispatch.admission import lacks
from cubekit.runtime.dispatch.source import write_call
from cubekit.runtime.dispatch.spans import spanned, tracing
from cubekit.runtime.metrics import BUCKETS
from cubekit.runtime.tickets import NO_DEADLINE, TaskTicket

if TYPE_CHECKING:
    from cubekit.runtime.dispatch.endpoint import Call, Encode, Endpoint

__all__ = ["compile_call"]


def compile_call(endpoint: Endpoint, encode: Encode | None) -> Call:
    """Return the function that answers the calls of an endpoint, with results as ``encode`` makes them."""
    untraced = _compiled(endpoint, encode, sampling=False)

    async def traced(context: CallContext, arguments: Mapping[str, Any], deadline: float) -> Any:
        with spanned(endpoint.name, context) as inner:
            return await untraced(inner, arguments, deadline)

    return _compiled(endpoint, encode, sampling=True, traced=traced)


def _compiled(endpoint: Endpoint, encode: Encode | None, *, sampling: bool, **more: Any) -> Call:
    source = write_call(endpoint.layers(encoded=encode is not None, sampling=sampling))
    # Tracebacks and debuggers find the lines under this name: the same name for the same lines only.
    file = f"<dispatch of {endpoint.name} {crc32(source.encode()):08x}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    state, metrics = endpoint.layer_state, endpoint.metrics
    names = {
        "BUCKETS": BUCKETS,
        "DeadlineExceeded": DeadlineExceeded,
        "NO_DEADLINE": NO_DEADLINE,
        "TaskTicket": TaskTicket,
        "activate": active_call.set,
        "admission": state.admission,
        "bisect_left": bisect_left,
        "breaker": state.breaker,
        "cache": state.cache,
        "chain": endpoint.chain() if state.middleware else None,
        "counts": metrics.duration.counts,
        "deactivate": active_call.reset,
        "duration": metrics.duration,
        "encode": encode,
        "failed": endpoint.failed,
        "instance": endpoint.instance,
        "lacks": lacks,
        "metrics": metrics,
        "monotonic": monotonic,
        "raise_alone": raise_alone,
        "rate": state.rate,
        "retries": state.retries,
        "sleep": anyio.sleep,
        "tracing": tracing,
        "with_deadline": with_deadline,
        **more,
    }
    exec(compile(source, file, "exec"), names)  # noqa: S102 - the source is our own, without anything from outside
    call: Call = names["call"]
    return call
