"""What decides how the last bits of a sum are rounded: numbers are exact where it is equal, close elsewhere."""

import platform
from pathlib import Path

import torch


def this_platform():
    """Versions and processor, as golden files keep them."""
    return {
        "torch": torch.__version__.split("+")[0],
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "processor": _processor(),
        "machine": f"{platform.system()} {platform.machine()}",
    }


def _processor():
    """The maker's name of the CPU: kernels are chosen by maker and model, too."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown")
