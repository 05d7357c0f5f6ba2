"""`Gpus`: figures of NVIDIA GPUs. That there is none is a state, and no error."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

from anyio import to_thread
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
    figures: tuple[float, ...]
    """One for each of the metrics."""


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
            self._nvml.nvmlShutdown()

    def _points(self, position: int) -> Points:
        return [((device.id, device.name), device.figures[position]) for device in self._devices]


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
    found = []
    for index in range(nvml.nvmlDeviceGetCount()):
        device = nvml.nvmlDeviceGetHandleByIndex(index)
        memory = nvml.nvmlDeviceGetMemoryInfo(device)
        found.append(
            _Device(
                nvml.nvmlDeviceGetUUID(device),
                nvml.nvmlDeviceGetName(device),
                (
                    nvml.nvmlDeviceGetUtilizationRates(device).gpu / 100,
                    memory.used,
                    memory.total,
                    nvml.nvmlDeviceGetTemperature(device, nvml.NVML_TEMPERATURE_GPU),
                ),
            )
        )
    return found
