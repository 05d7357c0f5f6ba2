"""`Gpus`: figures of NVIDIA GPUs. That there is none is a state, and no error."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from anyio import CancelScope, to_thread
from cubekit import Clock
from opentelemetry.metrics import Meter

from cubekit_monitoring import definitions
from cubekit_monitoring.definitions import Points, observe

__all__ = ["Gpus"]

_INTERVAL = 5.0


_METRICS = (
    definitions.GPU_UTILIZATION,
    definitions.GPU_MEMORY_USAGE,
    definitions.GPU_MEMORY_LIMIT,
    definitions.GPU_TEMPERATURE,
)


class _Device(NamedTuple):
    id: str
    name: str
    figures: tuple[float | None, ...]
    """One for each of the metrics; None for one that this GPU does not measure."""


class Gpus:
    """Looks for GPUs when it starts, and reads them now and then in a thread: the driver may take its time."""

    def __init__(self, meter: Meter, clock: Clock) -> None:
        self.state = "not looked for"
        """What there is, in words."""
        self._clock = clock
        self._nvml: Any = None
        self._devices: list[_Device] = []
        for position, definition in enumerate(_METRICS):
            observe(meter, definition, partial(self._points, position))

    async def run(self) -> None:
        """Read figures until cancelled; returns at once if there is no GPU."""
        self._nvml, self.state = await to_thread.run_sync(_open)
        if self._nvml is None:
            return
        try:
            while True:
                try:
                    self._devices = await to_thread.run_sync(_read, self._nvml)
                except self._nvml.NVMLError as error:
                    self._devices, self.state = [], f"cannot be read: {error}"
                else:
                    self.state = ", ".join(device.name for device in self._devices) or "no GPU"
                await self._clock.sleep(_INTERVAL)
        finally:
            with CancelScope(shield=True):
                await to_thread.run_sync(self._nvml.nvmlShutdown)

    def _points(self, position: int) -> Points:
        for device in self._devices:
            if (figure := device.figures[position]) is not None:
                yield (device.id, device.name), figure


def _open() -> tuple[Any, str]:
    """Return NVIDIA's library, or None, and the state in words."""
    try:
        import pynvml  # type: ignore[import-untyped]
    except ImportError:
        return None, "not looked for: pip install 'cubekit-monitoring[gpu]'"
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        return None, f"no GPU: {error}"
    return pynvml, "found"


def _read(nvml: Any) -> list[_Device]:
    devices = [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(nvml.nvmlDeviceGetCount())]
    return [_device(nvml, device) for device in devices]


def _device(nvml: Any, device: Any) -> _Device:
    return _Device(
        nvml.nvmlDeviceGetUUID(device),
        nvml.nvmlDeviceGetName(device),
        (
            _figure(nvml, lambda: nvml.nvmlDeviceGetUtilizationRates(device).gpu / 100),
            _figure(nvml, lambda: nvml.nvmlDeviceGetMemoryInfo(device).used),
            _figure(nvml, lambda: nvml.nvmlDeviceGetMemoryInfo(device).total),
            _figure(nvml, lambda: nvml.nvmlDeviceGetTemperature(device, nvml.NVML_TEMPERATURE_GPU)),
        ),
    )


def _figure(nvml: Any, ask: Callable[[], float]) -> float | None:
    """A figure, or None if the GPU does not measure it: one that is split into several has no utilization."""
    try:
        return ask()
    except nvml.NVMLError_NotSupported:
        return None
