"""Which form of the additive scores a device uses, and what `torch.compile` makes of them."""

import functools
import importlib.util
import inspect
import logging
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from models.attention import kernel as additive_kernel

PREFERENCES = ("auto", "compiled", "chunked")

# They only guide how loops are fused; one compilation serves every size, 1 included.
_SIZE_HINTS = {"batch": 64, "target": 200, "source": 200, "hidden": 128}

_log = logging.getLogger(__name__)
_preference = "auto"
_failed_devices: set[str] = set()


def prefer_path(preference: str) -> None:
    """Choose how this process computes additive scores.

    Args:
        preference: `auto` compiles where it can; `compiled` makes it an error where it cannot;
            `chunked` never compiles.

    Raises:
        ValueError: If the preference is unknown.
    """
    global _preference
    if preference not in PREFERENCES:
        raise ValueError(f"preference: {preference!r} is unknown; use {', '.join(PREFERENCES)}")
    _preference = preference


def additive_path(device: torch.device | str = "cpu") -> str:
    """Return how scores are computed, `compiled` or `chunked`; compile nothing."""
    if _preference != "auto":
        return _preference
    device_type = torch.device(device).type
    can_compile = device_type not in _failed_devices and _has_compiler(device_type)
    return "compiled" if can_compile else "chunked"


def report_failure(device: torch.device | str, error: Exception) -> None:
    """Use the chunked form on this device from now on, and say so once.

    Raises:
        Exception: The error itself, if the preference is `compiled`.
    """
    if _preference == "compiled":
        raise error
    _failed_devices.add(torch.device(device).type)
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    _log.warning("additive attention: not compiled, so it runs in the chunked form: %s", reason)


@torch.no_grad()
def call_compiled(
    kernel: Callable[..., Any], *tensors: Tensor, axes: Sequence[Sequence[str]]
) -> Any:
    """Call a function of tensors, compiled once for all sizes.

    Args:
        kernel: Pure and differentiable by nobody: its results carry no gradient.
        axes: The names of each tensor's axes, equal where sizes are; the hints know them.
    """
    from torch._dynamo.decorators import mark_unbacked

    inputs = [tensor.detach().contiguous() for tensor in tensors]
    for tensor, names in zip(inputs, axes, strict=True):
        for axis, name in enumerate(names):
            mark_unbacked(tensor, axis, hint_override=_SIZE_HINTS[name], shape_id=name)
    return _compiled(kernel)(*inputs)


@functools.cache
def _compiled(kernel: Callable[..., Any]) -> Callable[..., Any]:
    # Unwrapped, because the tests' run-time checker of types cannot be compiled. The whole graph
    # or an error: run eagerly, a kernel would fill the tensor that it is there to avoid.
    return torch.compile(inspect.unwrap(kernel), fullgraph=True)


@functools.cache
def _has_compiler(device_type: str) -> bool:
    if device_type == "cuda":
        missing = "" if importlib.util.find_spec("triton") else "Triton"
    elif device_type == "cpu":
        missing = "" if additive_kernel.compiler() else "C compiler"
    else:
        missing = f"compiler for {device_type}"
    if missing:
        _log.warning("additive attention: no %s found, so it runs in the chunked form", missing)
    return not missing
