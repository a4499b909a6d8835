"""EmberTensor: what users hold."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, TypeAlias

from ember_ml.backend._bound import Bound
from ember_ml.backend.dtypes import DType, DTypeLike
from ember_ml.backend.errors import ArgumentError, DTypeError, InterchangeError, ShapeError
from ember_ml.nn import tensor as ops

__all__ = ["Device", "EmberTensor", "Scalar", "Shape", "TensorLike"]

#: An EmberTensor, or what `asarray` makes one of: a number, nested lists, a native array, ...
TensorLike: TypeAlias = Any
#: A Python number or a tensor with no dimensions.
Scalar: TypeAlias = Any
Shape: TypeAlias = "int | Sequence[int]"
#: A device by name: ``"cpu"``, ``"cuda:0"``, ``"gpu"``.
Device: TypeAlias = str


class EmberTensor:
    """An n-dimensional array on one backend.

    It holds a native array and the backend that the array belongs to, and nothing else.
    Make one with `asarray`, `zeros`, `from_native` and the other creation functions. It
    conforms to the array API standard 2025.12.

    >>> from ember_ml.nn import tensor as et
    >>> x = et.asarray([[1.0, 2.0], [3.0, 4.0]])
    >>> (x @ x.mT).sum().item()
    52.0
    """

    __slots__ = ("_backend", "_tensor")
    _tensor: Any
    _backend: Bound

    #: NumPy leaves operators between its arrays and a tensor to the tensor.
    __array_ufunc__: ClassVar[None] = None
    __array_priority__: ClassVar[int] = 1000

    # -- facts ----------------------------------------------------------------------------

    @property
    def dtype(self) -> DType:
        """The element type."""
        return self._backend.dtype

    @property
    def backend(self) -> str:
        """Name of the backend."""
        return self._backend.backend.name

    @property
    def native(self) -> Any:
        """The engine's own array, not a copy."""
        return self._tensor

    @property
    def device(self) -> Device:
        """Name of the device that the elements are on."""
        return self._backend.backend.device_of(self._tensor)

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of the axes."""
        return tuple(self._tensor.shape)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self._tensor.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        size = 1
        for n in self._tensor.shape:
            size *= n
        return size

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return self._backend.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return self.size * self.itemsize

    @property
    def T(self) -> EmberTensor:
        """The transpose of a matrix."""
        if self.ndim != 2:
            raise ShapeError(f"x.T is for matrices, and this has shape {self.shape}; use x.mT")
        return ops.matrix_transpose(self)

    @property
    def mT(self) -> EmberTensor:
        """The last two axes exchanged."""
        return ops.matrix_transpose(self)

    @property
    def real(self) -> EmberTensor:
        """The real part."""
        return ops.real(self)

    @property
    def imag(self) -> EmberTensor:
        """The imaginary part."""
        return ops.imag(self)

    def __len__(self) -> int:
        if not self.ndim:
            raise ArgumentError("len() of a tensor with no dimensions; it has one element")
        return int(self._tensor.shape[0])

    def __iter__(self) -> Iterator[EmberTensor]:
        if not self.ndim:
            raise ArgumentError("cannot iterate over a tensor with no dimensions")
        return (self[i] for i in range(len(self)))

    def __contains__(self, value: object) -> bool:
        equal: Any = self == value  # a plain False where they cannot be compared
        return bool(equal.any() if isinstance(equal, EmberTensor) else equal)

    def __hash__(self) -> int:
        return id(self)  # identity, as the engines do: `==` compares elements

    # -- as Python scalars and text -----------------------------------------------------------

    def item(self) -> Any:
        """The only element, as a Python scalar.

        Raises:
            ShapeError: there is not exactly one.
        """
        if self.size != 1:
            raise ShapeError(f"item() needs one element, and shape {self.shape} has {self.size}")
        value = self._backend.backend.to_python(self._tensor)
        while isinstance(value, list):
            value = value[0]
        return value

    def tolist(self) -> Any:
        """Nested lists of Python scalars; a Python scalar for a tensor with no dimensions."""
        return self._backend.backend.to_python(self._tensor)

    def _scalar(self, convert: Callable[[Any], Any]) -> Any:
        if self.ndim:
            raise ArgumentError(
                f"only a tensor with no dimensions becomes a Python {convert.__name__}, and this "
                f"has shape {self.shape}; use .item() or .tolist()"
            )
        value = self.item()
        if value.__class__ is complex and convert is not complex:
            raise DTypeError(
                f"the complex number {value} does not become a Python {convert.__name__}; take "
                "et.real(x), et.imag(x) or et.abs(x)"
            )
        return convert(value)

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ArgumentError(
                f"the truth of a tensor of shape {self.shape} is ambiguous; use et.any(x) or "
                "et.all(x)"
            )
        return bool(self.item())

    def __int__(self) -> int:
        return self._scalar(int)

    def __float__(self) -> float:
        return self._scalar(float)

    def __complex__(self) -> complex:
        return self._scalar(complex)

    def __index__(self) -> int:
        if self.dtype.kind not in ("signed", "unsigned"):
            raise DTypeError(f"only an integer tensor can be used as an index, not {self.dtype}")
        return self._scalar(operator.index)

    def __format__(self, spec: str) -> str:
        if not spec:
            return str(self)
        if self.ndim:
            raise ArgumentError(
                f"the format {spec!r} is for a tensor with no dimensions, not shape {self.shape}"
            )
        return format(self.item(), spec)

    def __repr__(self) -> str:
        return ops.array_repr(self)

    def __str__(self) -> str:
        return ops.array_str(self)

    # -- between engines ----------------------------------------------------------------------

    def numpy(self) -> Any:
        """A `numpy.ndarray` (NumPy must be installed), sharing memory where the engine can."""
        return self._backend.backend.to_numpy(self._tensor)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        array = self._backend.backend.to_numpy(self._tensor)
        if dtype is not None and array.dtype != dtype:
            if copy is False:
                raise InterchangeError(f"{self.dtype} cannot become {dtype} without a copy")
            return array.astype(dtype)
        return array.copy() if copy else array

    def __dlpack__(
        self,
        *,
        stream: Any = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[Any, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        return ops.to_dlpack(
            self, stream=stream, max_version=max_version, dl_device=dl_device, copy=copy
        )

    def __dlpack_device__(self) -> tuple[Any, int]:
        device: tuple[Any, int] = self._tensor.__dlpack_device__()
        return device

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        return ops.array_namespace(api_version)

    def to_device(self, device: Device, /, *, stream: Any = None) -> EmberTensor:
        """The tensor on ``device``.

        Raises:
            DeviceError: the backend has no such device.
        """
        return ops.to_device(self, device)

    def to_backend(self, name: str, /) -> EmberTensor:
        """The tensor on the backend called ``name``, without a copy where both engines allow it.

        Raises:
            BackendNotFoundError: none of that name is installed.
        """
        return ops.to_backend(self, name)

    def __copy__(self) -> EmberTensor:
        return ops.copy(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> EmberTensor:
        return ops.copy(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return ops.reduce_tensor(self)

    # -- indexing -----------------------------------------------------------------------------

    def __getitem__(self, key: Any, /) -> EmberTensor:
        # A step of zero ends the process on MLX.
        if (key.__class__ is slice and key.step != 0) or key.__class__ is int:
            x = self._tensor
            try:
                # Engines agree on slices and on integers in range; the rest goes the long way.
                if key.__class__ is slice or -x.shape[0] <= key < x.shape[0]:
                    b = self._backend
                    native = x[key]
                    if native.__class__ is not b.array_type:
                        native = b.asnative(native)
                    tensor = EmberTensor()
                    tensor._tensor = native
                    tensor._backend = b
                    return tensor
            except Exception:
                return ops.getitem(self, key)
        return ops.getitem(self, key)

    def __setitem__(self, key: Any, value: TensorLike, /) -> None:
        ops.setitem(self, key, value)

    @property
    def at(self) -> ops.At:
        """Updates that make a new tensor: ``x.at[key].set(value)``, ``add``, ``multiply``,
        ``max``, ``min``, for every key that ``x[key]`` takes.

        >>> from ember_ml.nn import tensor as et
        >>> et.zeros(3).at[[0, 2, 0]].add(1.0).tolist()
        [2.0, 0.0, 1.0]
        """
        return ops.At(self)

    # -- operators: `_operators` puts the operations themselves in the place of these ----------

    def __add__(self, other: TensorLike, /) -> EmberTensor: ...
    def __sub__(self, other: TensorLike, /) -> EmberTensor: ...
    def __mul__(self, other: TensorLike, /) -> EmberTensor: ...
    def __truediv__(self, other: TensorLike, /) -> EmberTensor: ...
    def __floordiv__(self, other: TensorLike, /) -> EmberTensor: ...
    def __mod__(self, other: TensorLike, /) -> EmberTensor: ...
    def __pow__(self, other: TensorLike, /) -> EmberTensor: ...
    def __matmul__(self, other: TensorLike, /) -> EmberTensor: ...
    def __and__(self, other: TensorLike, /) -> EmberTensor: ...
    def __or__(self, other: TensorLike, /) -> EmberTensor: ...
    def __xor__(self, other: TensorLike, /) -> EmberTensor: ...
    def __lshift__(self, other: TensorLike, /) -> EmberTensor: ...
    def __rshift__(self, other: TensorLike, /) -> EmberTensor: ...
    def __radd__(self, other: TensorLike, /) -> EmberTensor: ...
    def __rsub__(self, other: TensorLike, /) -> EmberTensor: ...
    def __rmul__(self, other: TensorLike, /) -> EmberTensor: ...
    def __rtruediv__(self, other: TensorLike, /) -> EmberTensor: ...
    def __rfloordiv__(self, other: TensorLike, /) -> EmberTensor: ...
    def __rmod__(self, other: TensorLike, /) -> EmberTensor: ...
    def __rpow__(self, other: TensorLike, /) -> EmberTensor: ...
    def __rmatmul__(self, other: TensorLike, /) -> EmberTensor: ...
    def __rand__(self, other: TensorLike, /) -> EmberTensor: ...
    def __ror__(self, other: TensorLike, /) -> EmberTensor: ...
    def __rxor__(self, other: TensorLike, /) -> EmberTensor: ...
    def __rlshift__(self, other: TensorLike, /) -> EmberTensor: ...
    def __rrshift__(self, other: TensorLike, /) -> EmberTensor: ...
    def __iadd__(self, other: TensorLike, /) -> EmberTensor: ...
    def __isub__(self, other: TensorLike, /) -> EmberTensor: ...
    def __imul__(self, other: TensorLike, /) -> EmberTensor: ...
    def __itruediv__(self, other: TensorLike, /) -> EmberTensor: ...
    def __ifloordiv__(self, other: TensorLike, /) -> EmberTensor: ...
    def __imod__(self, other: TensorLike, /) -> EmberTensor: ...
    def __ipow__(self, other: TensorLike, /) -> EmberTensor: ...
    def __imatmul__(self, other: TensorLike, /) -> EmberTensor: ...
    def __iand__(self, other: TensorLike, /) -> EmberTensor: ...
    def __ior__(self, other: TensorLike, /) -> EmberTensor: ...
    def __ixor__(self, other: TensorLike, /) -> EmberTensor: ...
    def __ilshift__(self, other: TensorLike, /) -> EmberTensor: ...
    def __irshift__(self, other: TensorLike, /) -> EmberTensor: ...
    def __neg__(self) -> EmberTensor: ...
    def __pos__(self) -> EmberTensor: ...
    def __abs__(self) -> EmberTensor: ...
    def __invert__(self) -> EmberTensor: ...
    def __eq__(self, other: object, /) -> EmberTensor: ...  # type: ignore[override]
    def __ne__(self, other: object, /) -> EmberTensor: ...  # type: ignore[override]
    def __lt__(self, other: TensorLike, /) -> EmberTensor: ...
    def __le__(self, other: TensorLike, /) -> EmberTensor: ...
    def __gt__(self, other: TensorLike, /) -> EmberTensor: ...
    def __ge__(self, other: TensorLike, /) -> EmberTensor: ...

    # -- methods -------------------------------------------------------------------------------

    def reshape(self, *shape: Any) -> EmberTensor:
        """The same elements in another shape; one size may be -1."""
        return ops.reshape(self, shape[0] if len(shape) == 1 else shape)

    def flatten(self) -> EmberTensor:
        """The elements along one axis."""
        return ops.reshape(self, (-1,))

    def transpose(self, *axes: int) -> EmberTensor:
        """The axes permuted; reversed where none are given."""
        return ops.permute_dims(self, axes or tuple(reversed(range(self.ndim))))

    # -- methods in whose place `_operators` puts the operations themselves -----------------------

    def astype(
        self, dtype: DTypeLike, /, *, copy: bool = True, device: Device | None = None
    ) -> EmberTensor: ...

    def squeeze(self, axis: int | tuple[int, ...]) -> EmberTensor: ...

    def sum(
        self,
        *,
        axis: int | tuple[int, ...] | None = None,
        dtype: DTypeLike | None = None,
        keepdims: bool = False,
    ) -> EmberTensor: ...

    def prod(
        self,
        *,
        axis: int | tuple[int, ...] | None = None,
        dtype: DTypeLike | None = None,
        keepdims: bool = False,
    ) -> EmberTensor: ...

    def mean(
        self, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False
    ) -> EmberTensor: ...

    def std(
        self,
        *,
        axis: int | tuple[int, ...] | None = None,
        correction: float = 0.0,
        keepdims: bool = False,
    ) -> EmberTensor: ...

    def var(
        self,
        *,
        axis: int | tuple[int, ...] | None = None,
        correction: float = 0.0,
        keepdims: bool = False,
    ) -> EmberTensor: ...

    def min(
        self, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False
    ) -> EmberTensor: ...

    def max(
        self, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False
    ) -> EmberTensor: ...

    def argmin(self, *, axis: int | None = None, keepdims: bool = False) -> EmberTensor: ...

    def argmax(self, *, axis: int | None = None, keepdims: bool = False) -> EmberTensor: ...

    def any(
        self, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False
    ) -> EmberTensor: ...

    def all(
        self, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False
    ) -> EmberTensor: ...

    def clip(self, min: TensorLike | None = None, max: TensorLike | None = None) -> EmberTensor: ...
