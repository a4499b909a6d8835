"""What complex numbers need."""

from __future__ import annotations

import torch
from ember_ml.backend.protocol import Native


def round(x: Native, /) -> Native:
    return torch.complex(torch.round(x.real), torch.round(x.imag))


def acos(x: Native, /) -> Native:
    # PyTorch errs in the sign of a zero above the real axis, and not below it.
    above = ~torch.signbit(x.imag)
    found = torch.acos(torch.where(above, torch.conj(x), x))
    return torch.where(above, torch.conj(found), found)


def expm1(x: Native, /) -> Native:
    # PyTorch's own is for what is near zero; elsewhere it mistakes what is infinite.
    near = torch.logical_and(torch.abs(x.real) < 1, x != 0)
    far = torch.exp(x)
    far = torch.complex(far.real - 1, far.imag)
    return torch.where(near, torch.expm1(x), far)


def log1p(x: Native, /) -> Native:
    # The logarithm knows what is infinite beside NaN. (At zero it must leave no gradient.)
    return torch.where(torch.isinf(x), torch.log(x.detach()), torch.log1p(x))


def pow(x1: Native, x2: Native, /) -> Native:
    found = torch.pow(x1, x2)
    return torch.where(torch.eq(x2, 0), 1, found) if isinstance(x2, torch.Tensor) else found


def tanh(x: Native, /) -> Native:
    # PyTorch gives a zero at infinity the sign of sin(2b).
    zero = torch.copysign(torch.zeros_like(x.imag), x.imag)
    end = torch.complex(torch.sgn(x.real), zero)
    return torch.where(torch.isinf(x.real), end, torch.tanh(x))
