"""The obvious form of additive attention, to which the fast forms are held."""

import pytest
import torch

from models.kernels import library as kernel

WITH_KERNEL = pytest.mark.skipif(not kernel.is_ready(), reason="no C compiler")
FORMS = (pytest.param("compiled", marks=WITH_KERNEL), "chunked")


def uniform(*size, scale=1.0, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return scale * (2 * torch.rand(*size, generator=generator) - 1)


def obvious_scores(query, key, v):
    return torch.tanh(query[:, :, None] + key[:, None]) @ v


def with_gradients(scores, tensors, grad):
    leaves = [tensor.clone().requires_grad_() for tensor in tensors]
    result = scores(*leaves)
    result.backward(grad)
    return [result.detach(), *(leaf.grad for leaf in leaves)]


def use_form(monkeypatch, form):
    """Compute additive scores in this form in the rest of the test."""
    monkeypatch.setattr(kernel, "is_ready", lambda: form == "compiled")
