"""Figures of the process and of GPUs."""

from __future__ import annotations

import gc
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import anyio
import pytest
from cubekit.runtime.service import Service
from cubekit.testing import ControlledClock, http_client

from .services import monitored

pytestmark = pytest.mark.anyio


async def exposed(service: Service) -> dict[str, float]:
    """What ``/metrics`` says, by name and labels."""
    async with http_client(service) as client:
        text = (await client.get("/metrics")).text
    samples = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in samples}


async def until(service: Service, sample: str) -> dict[str, float]:
    with anyio.fail_after(20):
        while True:
            found = await exposed(service)
            if found.get(sample, 0) > 0:
                return found


async def test_processor_memory_and_threads() -> None:
    async with monitored() as service:
        found = await until(service, 'process_memory_usage_bytes{instance="monitoring"}')
    assert found['process_memory_usage_bytes{instance="monitoring"}'] > 10e6
    assert found['process_cpu_time_seconds_total{cpu_mode="user",instance="monitoring"}'] > 0
    assert found['process_thread_count{instance="monitoring"}'] >= 1
    assert found['process_unix_file_descriptor_count{instance="monitoring"}'] >= 3


async def test_garbage_collection() -> None:
    pauses = 'cubekit_gc_pause_seconds_count{cpython_gc_generation="2",instance="monitoring"}'
    async with monitored() as service:
        gc.collect()
        found = await until(service, pauses)
        assert found['cpython_gc_collections_total{cpython_gc_generation="2",instance="monitoring"}'] >= 1
    assert not [callback for callback in gc.callbacks if "cubekit" in getattr(callback, "__module__", "")]


class Nvml(ModuleType):
    """NVIDIA's library, with one GPU."""

    NVML_TEMPERATURE_GPU = 0

    class NVMLError(Exception): ...

    class NVMLError_NotSupported(NVMLError): ...

    def __init__(self, problem: str = "") -> None:
        super().__init__("pynvml")
        self.problem = problem
        self.is_split = False
        self.open = 0

    def nvmlInit(self) -> None:
        if self.problem:
            raise self.NVMLError(self.problem)
        self.open += 1

    def nvmlShutdown(self) -> None:
        self.open -= 1

    def nvmlDeviceGetCount(self) -> int:
        if self.problem:
            raise self.NVMLError(self.problem)
        return 1

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        return index

    def nvmlDeviceGetUUID(self, device: int) -> str:
        return "GPU-1"

    def nvmlDeviceGetName(self, device: int) -> str:
        return "A big one"

    def nvmlDeviceGetUtilizationRates(self, device: int) -> Any:
        if self.is_split:
            raise self.NVMLError_NotSupported
        return SimpleNamespace(gpu=75)

    def nvmlDeviceGetMemoryInfo(self, device: int) -> Any:
        return SimpleNamespace(used=1 << 30, total=1 << 36)

    def nvmlDeviceGetTemperature(self, device: int, sensor: int) -> int:
        return 61


async def gpu_state(service: Service, clock: ControlledClock, expected: str) -> None:
    with anyio.fail_after(20):
        while expected not in (await service.call("monitoring.overview")).gpu:
            await clock.advance(5)


async def test_a_gpu_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    nvml, clock = Nvml(), ControlledClock()
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    labels = '{hw_id="GPU-1",hw_name="A big one",instance="monitoring"}'
    async with monitored(clock, gpu=True) as service:
        await gpu_state(service, clock, "A big one")
        found = await exposed(service)
        assert found[f"hw_gpu_utilization_ratio{labels}"] == 0.75
        assert found[f"hw_gpu_memory_usage_bytes{labels}"] == 1 << 30
        assert found[f"hw_gpu_temperature_celsius{labels}"] == 61
        nvml.is_split = True
        await clock.advance(5)
        with anyio.fail_after(20):
            while f"hw_gpu_utilization_ratio{labels}" in (found := await exposed(service)):
                await clock.advance(5)
        assert found[f"hw_gpu_memory_limit_bytes{labels}"] == 1 << 36, "the others are still measured"
        nvml.problem = "GPU is lost"
        await gpu_state(service, clock, "cannot be read: GPU is lost")
        assert f"hw_gpu_utilization_ratio{labels}" not in await exposed(service)
        nvml.problem, nvml.is_split = "", False
        await gpu_state(service, clock, "A big one")
    assert nvml.open == 0


@pytest.mark.parametrize(
    ("library", "state"),
    [(Nvml("Driver Not Loaded"), "no GPU: Driver Not Loaded"), (None, "pip install 'cubekit-monitoring[gpu]'")],
)
async def test_no_gpu_is_a_state_and_no_error(
    library: Nvml | None, state: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", library)
    clock = ControlledClock()
    async with monitored(clock, gpu=True) as service:
        await gpu_state(service, clock, state)
        health = await service.instances["monitoring"].living().health_check()
        assert health.status == "pass"
        assert state in str(health.observed["gpu"])
    assert caplog.records == []
