"""The namespace's account of itself: ``__array_namespace_info__`` of the standard."""

from __future__ import annotations

import sys
from typing import Any

from ember_ml.backend.dtypes import DType, complex64, float32, int64
from ember_ml.backend.errors import InvalidValueError
from ember_ml.backend.registry import current_backend

from ._core import Device
from ._data import isdtype

__all__ = ["__array_namespace_info__", "array_namespace"]

_VERSIONS = ("2021.12", "2022.12", "2023.12", "2024.12", "2025.12")


def array_namespace(api_version: str | None) -> Any:
    """The module that EmberTensors belong to."""
    if api_version is not None and api_version not in _VERSIONS:
        raise InvalidValueError(
            f"Ember follows the array API standard up to {_VERSIONS[-1]}, not {api_version!r}"
        )
    return sys.modules["ember_ml.nn.tensor"]


class __array_namespace_info__:  # noqa: N801  the standard's name
    """Inspection of the namespace, for the current backend.

    >>> from ember_ml.nn import tensor as et
    >>> et.__array_namespace_info__().default_dtypes()["real floating"]
    float32
    """

    def capabilities(self) -> dict[str, bool | int | None]:
        """What the standard leaves open and Ember offers."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}

    def default_device(self) -> Device:
        """Where new tensors are."""
        return current_backend().devices()[0]

    def devices(self) -> tuple[Device, ...]:
        """Where tensors can be."""
        return tuple(current_backend().devices())

    def default_dtypes(self, *, device: Device | None = None) -> dict[str, DType]:
        """The dtypes of Python scalars and of indices."""
        return {
            "real floating": float32,
            "complex floating": complex64,
            "integral": int64,
            "indexing": int64,
        }

    def dtypes(
        self, *, device: Device | None = None, kind: str | tuple[str, ...] | None = None
    ) -> dict[str, DType]:
        """The dtypes of the current backend that are of ``kind``."""
        standard = {d.name: d for d in current_backend().dtypes if d.name not in _BEYOND}
        if kind is None:
            return standard
        return {name: dtype for name, dtype in standard.items() if isdtype(dtype, kind)}


#: Dtypes that Ember has and the standard has not.
_BEYOND = ("float16", "bfloat16")
