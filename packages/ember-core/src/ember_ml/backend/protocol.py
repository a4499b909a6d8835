"""What an engine must offer to be a backend of Ember.

A backend is one object, registered by its distribution under the entry-point group
``ember_ml.backends``. It offers functions over *native* arrays, under the names and with the
signatures of the operations (`ember_ml.nn.tensor`), and the few facts and conversions below.
It never sees an EmberTensor, a tensor-like, or two dtypes to reconcile: the core lifts,
promotes and checks first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any, ClassVar, TypeAlias

from .dtypes import DType
from .errors import DeviceError, UnsupportedError

__all__ = ["API_VERSION", "CAPABILITIES", "REQUIRED", "Backend", "Declined", "Native"]

API_VERSION = 1

#: A native array: the core treats it as opaque.
Native: TypeAlias = Any

CAPABILITIES: Mapping[str, str] = {
    "grad": "gradients (value_and_grad)",
    "vmap": "vectorising a function over an axis",
    "compile": "compiling a function into one program",
    "float64": "64-bit floating point on the default device",
    "complex128": "complex numbers of 128 bits",
    "bfloat16": "the bfloat16 dtype",
}

#: What the class of a backend must define beside the primitives: the rest of `Backend` is right
#: for an engine with one device, whose arrays are indexed as NumPy's are.
REQUIRED: tuple[str, ...] = (
    "name", "array_type", "array_types", "dtypes", "engine_version", "from_python", "from_buffer",
    "to_buffer", "to_numpy", "from_dlpack", "setitem",
)  # fmt: skip


class Declined(Exception):
    """Raised by an override for arguments that its engine has nothing for.

    The operation's definition in the core is used for them.
    """


class Backend:
    """Base class of backends: subclass it and define what `REQUIRED` lists.

    Operations are looked up on the object itself and then in ``modules``, by name. One that
    the core declares without a body (a primitive) must be found; one with a body is
    overridden when it is found.

    What they are given: native arrays, of one dtype where the operation promotes; as ``dtype``
    one of the engine's, or None where the operation reads it off the arrays; as ``shape`` a tuple
    of sizes; as ``device`` a name out of `devices`, or None for the default one. They may raise
    the engine's own errors, which the core explains, but must raise one where the engine would go
    on in silence: at an index that is out of range.
    """

    name: ClassVar[str]
    api_version: ClassVar[int] = API_VERSION
    #: Which of `CAPABILITIES` the engine has.
    capabilities: frozenset[str] = frozenset()
    #: The exact class of the engine's ordinary arrays: results of another class pass `asnative`.
    array_type: ClassVar[type]
    #: Every class that counts as a native array of this engine, tracers included.
    array_types: ClassVar[tuple[type, ...]]
    #: Ember's dtypes that the engine has, with the engine's own.
    dtypes: Mapping[DType, Any]
    #: Where the operations are, besides the object itself.
    modules: tuple[ModuleType, ...] = ()
    #: For a dtype that the engine treats in a way of its own: where to look first, by name, for
    #: the operations on its tensors. Other dtypes pay nothing for these.
    variants: Mapping[DType, tuple[ModuleType, ...]] = {}
    #: Operations whose engine function takes a Python scalar in place of the second array ...
    scalar_right: frozenset[str] = frozenset()
    #: ... and in place of the first.
    scalar_left: frozenset[str] = frozenset()
    #: Engine functions of one floating or complex array for ``sum`` and ``prod`` of all elements:
    #: they save a Python call where the operation is called without options.
    whole: Mapping[str, Callable[[Native], Native]] = {}
    #: What the engine should be able to do and cannot: tests of the kit by exact name, with the
    #: reason, ``{"test_gradient[linalg.qr-float32]": "no derivative in the engine"}``.
    known_failures: Mapping[str, str] = {}
    #: For a tracer that a backend makes to take gradients: the backend that it traces, whose name
    #: it has.
    base: Backend | None = None

    # -- facts --------------------------------------------------------------------------

    def engine_version(self) -> str:
        """Version of the engine, ``"2.13.0"``."""
        raise NotImplementedError

    def devices(self) -> list[str]:
        """Devices that tensors can be put on, the default one first."""
        return ["cpu"]

    def device_of(self, x: Native, /) -> str:
        """Name of the device that ``x`` is on; the default one for a tracer that has none."""
        return self.devices()[0]

    def advice(self) -> str | None:
        """What would make this build of the engine faster, or None."""
        return None

    # -- conversions --------------------------------------------------------------------

    def asnative(self, x: Any, /) -> Native:
        """``x`` as an ordinary array, where the engine returned something else (a scalar)."""
        return x

    def from_python(self, data: Any, /, *, dtype: Any, device: str | None) -> Native:
        """An array of native ``dtype`` from a Python scalar or rectangular nested lists."""
        raise NotImplementedError

    def to_python(self, x: Native, /) -> Any:
        """Nested lists of Python scalars; a Python scalar for a 0-d array.

        Raise UnsupportedError where a tracer has no values: `nn.tensor.cond` then takes both
        branches.
        """
        return x.tolist()

    def from_buffer(
        self, data: Any, /, *, dtype: Any, shape: Sequence[int], device: str | None
    ) -> Native:
        """A new array from the bytes of a C-contiguous buffer in native byte order."""
        raise NotImplementedError

    def to_buffer(self, x: Native, /) -> Any:
        """The elements in C order as an object with the buffer protocol."""
        raise NotImplementedError

    def to_numpy(self, x: Native, /) -> Any:
        """A `numpy.ndarray`, of no dimensions too, sharing memory where the engine can."""
        raise NotImplementedError

    def from_dlpack(self, x: Any, /, *, device: str | None, copy: bool | None) -> Native:
        """An array from any object with ``__dlpack__``, sharing memory where possible.

        ``copy`` is True for a copy always, False for an exception where one would be needed.
        """
        raise NotImplementedError

    def to_device(self, x: Native, device: str, /) -> Native:
        """``x`` on ``device``."""
        if device != self.device_of(x):
            raise DeviceError(
                f"backend {self.name!r} does not move a tensor from {self.device_of(x)!r} to "
                f"{device!r}"
            )
        return x

    def synchronize(self, *arrays: Native) -> None:
        """Wait until ``arrays`` hold their values (lazy and asynchronous engines)."""

    # -- indexing -----------------------------------------------------------------------

    def getitem(self, x: Native, key: tuple[Any, ...], /) -> Native:
        """``x[key]`` for integers within range, slices, None, Ellipsis and native integer arrays.

        Boolean masks have been turned into integer arrays by the core. The elements of arrays may
        be negative, or out of range: then raise IndexError, outside of transforms at least.
        """
        return x[key]

    def setitem(self, x: Native, key: tuple[Any, ...], value: Any, /) -> Native:
        """The array that ``x`` becomes with ``x[key] = value``: ``x`` itself, or a new one.

        ``key`` is as in `getitem`.
        ``value`` is a native array of the dtype of ``x`` that broadcasts to ``x[key]``.
        """
        raise NotImplementedError

    # -- the engine's own random numbers --------------------------------------------------

    def native_generator(self, seed: int, device: str | None, /) -> Any:
        """The engine's generator, seeded: what the three functions below draw from."""
        raise self.lacks("generator of its own", "leave out engine='native' for the portable one")

    def random_bits(
        self, state: Any, shape: tuple[int, ...], /, *, dtype: Any, device: str | None
    ) -> Native:
        """Uniform ``uint32``."""
        raise NotImplementedError

    def random_uniform(
        self, state: Any, shape: tuple[int, ...], /, *, dtype: Any, device: str | None
    ) -> Native:
        """Uniform floating-point numbers in [0, 1)."""
        raise NotImplementedError

    def random_normal(
        self, state: Any, shape: tuple[int, ...], /, *, dtype: Any, device: str | None
    ) -> Native:
        """Standard normal floating-point numbers."""
        raise NotImplementedError

    def generator_state(self, state: Any, /) -> str:
        """Where a generator is that `native_generator` made, as a text for checkpoints."""
        raise self.lacks("way to save its generator", "leave out engine='native'")

    def restored_generator(self, text: str, /) -> Any:
        """The generator that `generator_state` gave ``text`` of."""
        raise self.lacks("way to save its generator", "leave out engine='native'")

    # -- files ----------------------------------------------------------------------------

    def read_file(self, path: str, /) -> Mapping[str, Native]:
        """The arrays by name of a file in the engine's own format, on the CPU.

        Nothing in the file may be run: raise CheckpointError at whatever is not data.
        """
        raise self.lacks("files of its own", "use safetensors")

    # -- transforms, over flat lists of native arrays -------------------------------------

    def value_and_grad(
        self, function: Callable[[list[Native], Backend], tuple[Native, Any]], /
    ) -> Callable[[list[Native]], tuple[Native, list[Native], Any]]:
        """``function(arrays, tracer)`` gives a scalar and auxiliary native arrays (a list).

        ``tracer`` is the backend that the traced arrays belong to: ``self``, or one that it
        made for the purpose. The result maps arrays to the value, its gradients with respect
        to each array, and the auxiliary arrays, all of them ordinary. The gradient with respect
        to a complex array is the direction of steepest ascent, ``df/da + i df/db`` at ``a + ib``.
        """
        raise self.lacks("grad")

    def vmap(
        self,
        function: Callable[..., list[Native]],
        /,
        *,
        in_axes: Sequence[int | None],
        out_axes: int,
    ) -> Callable[..., list[Native]]:
        """``function(*arrays)``, which gives a list, mapped over an axis of each array.

        ``in_axes`` has an axis, or None (not mapped), for each array; each result has the mapped
        axis at ``out_axes``.
        """
        raise self.lacks("vmap")

    def compile(
        self, function: Callable[..., list[Native]], /, *, donate: Sequence[int] = ()
    ) -> Callable[..., list[Native]]:
        """``function(*arrays)``, which gives a list, as one program.

        ``donate``, which may be ignored, are positions of arguments whose memory the result may take over: argument
        ``donate[i]`` is replaced by output ``i``, and the caller will not read it again.
        """
        return function

    def checkpoint(self, function: Callable[..., list[Native]], /) -> Callable[..., list[Native]]:
        """``function(*arrays)``, which gives a list, computed again for its gradient.

        To keep what it computes instead is right too.
        """
        return function

    def lacks(self, capability: str, hint: str = "") -> UnsupportedError:
        """The error that says what is missing and what could be done instead."""
        what = CAPABILITIES.get(capability, capability)
        hint = hint or "use another backend: x.to_backend(...), or et.use_backend(...)"
        return UnsupportedError(f"backend {self.name!r} has no {what}; {hint}")

    def __repr__(self) -> str:
        return f"<Ember backend {self.name!r}>"
