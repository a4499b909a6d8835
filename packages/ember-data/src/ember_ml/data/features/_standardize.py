"""Zero mean and unit variance, feature by feature."""

from __future__ import annotations

from dataclasses import dataclass

from ember_ml.backend.errors import InvalidValueError, ShapeError
from ember_ml.nn import tensor as et
from ember_ml.nn.tensor import EmberTensor, TensorLike

from ._errors import NotFittedError


@dataclass(frozen=True, slots=True)
class _Fit:
    features: tuple[int | None, ...]  # sizes of the axes of a sample; None for one averaged over
    mean: EmberTensor
    var: EmberTensor
    scale: EmberTensor


class Standardize:
    r"""Makes each feature zero on average and one in variance, over the samples it is fitted to.

    .. math:: y = \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}}

    The variance is that of the population, divided by ``N``. A feature that is constant is only
    shifted to zero, its ``scale_`` being 1. With the default arguments this is scikit-learn's
    ``StandardScaler``. It can be called, and is then a stage of a pipeline.

    Shapes: ``fit`` takes ``(N, *features)``; the other methods take that, for any ``N``, or a
    single sample ``(*features)``.

    Args:
        axis: the axes to average over, which include the first, that of the samples. For images
            ``(N, C, H, W)``, ``axis=(0, 2, 3)`` standardizes each channel.
        epsilon: added to the variance, to keep features that hardly vary from being blown up.

    Raises:
        InvalidValueError: ``epsilon`` is negative.

    Example:
        >>> from ember_ml.data.features import Standardize
        >>> standardize = Standardize().fit([[1.0, 5.0], [3.0, 5.0]])
        >>> standardize([[4.0, 6.0]]).tolist()
        [[2.0, 1.0]]
        >>> standardize.mean_.tolist(), standardize.scale_.tolist()
        ([2.0, 5.0], [1.0, 1.0])
    """

    def __init__(self, *, axis: int | tuple[int, ...] = 0, epsilon: float = 0.0) -> None:
        if epsilon < 0:
            raise InvalidValueError(f"Standardize: epsilon is at least 0, not {epsilon!r}")
        self.axis = axis
        self.epsilon = epsilon
        self._fit: _Fit | None = None

    @property
    def mean_(self) -> EmberTensor:
        """The mean of each feature, of the shape of a sample with 1 for an axis averaged over."""
        return self._fitted("mean_").mean

    @property
    def var_(self) -> EmberTensor:
        """The variance of each feature."""
        return self._fitted("var_").var

    @property
    def scale_(self) -> EmberTensor:
        """What each feature is divided by: its standard deviation, or 1 if it is constant."""
        return self._fitted("scale_").scale

    def fit(self, x: TensorLike, /) -> Standardize:
        """Take mean and variance from ``x``, and return the transformation itself.

        Raises:
            InvalidValueError: ``x`` has no samples, or ``axis`` does not include the first axis.
            ShapeError: ``x`` does not have the axes named.
        """
        x = _floating(x)
        axes = self._axes(x)
        low = et.min(x, axis=axes, keepdims=True)
        constant = low == et.max(x, axis=axes, keepdims=True)
        # Sums of many samples need the precision, and even then a constant feature would not be
        # sure to come out with exactly its value and no variance.
        wide = et.astype(x, _widest(x))
        mean = et.where(constant, low, et.mean(wide, axis=axes, keepdims=True))
        var = et.where(constant, 0.0, et.var(wide, axis=axes, keepdims=True))
        scale = et.astype(et.sqrt(var + self.epsilon), x.dtype)
        scale = et.where(et.logical_or(constant, scale == 0.0), 1.0, scale)
        features = tuple(None if a in axes else x.shape[a] for a in range(1, x.ndim))
        mean, var = et.astype(mean, x.dtype), et.astype(var, x.dtype)
        self._fit = _Fit(features, mean[0], var[0], scale[0])
        return self

    def transform(self, x: TensorLike, /) -> EmberTensor:
        """``x`` with each feature standardized.

        Raises:
            NotFittedError: nothing has been fitted yet.
            ShapeError: the features of ``x`` are not those that were fitted.
        """
        fit = self._fitted("transform")
        return (_checked(x, fit) - fit.mean) / fit.scale

    def fit_transform(self, x: TensorLike, /) -> EmberTensor:
        """`fit` to ``x``, then `transform` it."""
        x = _floating(x)
        return self.fit(x).transform(x)

    def inverse_transform(self, y: TensorLike, /) -> EmberTensor:
        """What `transform` makes into ``y``.

        Raises:
            NotFittedError: nothing has been fitted yet.
            ShapeError: the features of ``y`` are not those that were fitted.
        """
        fit = self._fitted("inverse_transform")
        return _checked(y, fit) * fit.scale + fit.mean

    def __call__(self, x: TensorLike, /) -> EmberTensor:
        """The same as `transform`."""
        return self.transform(x)

    def __repr__(self) -> str:
        return f"Standardize(axis={self.axis!r}, epsilon={self.epsilon!r})"

    def _fitted(self, wanted: str) -> _Fit:
        if self._fit is None:
            raise NotFittedError(f"{self!r}.{wanted}: call fit(x) first")
        return self._fit

    def _axes(self, x: EmberTensor) -> tuple[int, ...]:
        given = (self.axis,) if isinstance(self.axis, int) else self.axis
        axes = tuple(a + x.ndim if a < 0 else a for a in given)
        if 0 not in axes:
            raise InvalidValueError(
                f"{self!r}: axis includes 0, the axis of the samples; x has shape {x.shape}"
            )
        if 0 in x.shape:
            raise InvalidValueError(f"{self!r}: x is empty, of shape {x.shape}")
        return axes


def _floating(x: TensorLike) -> EmberTensor:
    x = et.asarray(x)
    return x if et.isdtype(x.dtype, "real floating") else et.astype(x, et.float32)


def _widest(x: EmberTensor) -> et.DType:
    return et.float64 if "float64" in et.get_backend(x.backend).capabilities else et.float32


def _checked(x: TensorLike, fit: _Fit) -> EmberTensor:
    x = _floating(x)
    rank = len(fit.features)
    sizes = x.shape[x.ndim - rank :]
    fits = x.ndim in (rank, rank + 1) and all(
        wanted in (None, size) for wanted, size in zip(fit.features, sizes, strict=True)
    )
    if not fits:
        wanted = ", ".join(["N", *("any" if n is None else str(n) for n in fit.features)])
        raise ShapeError(f"Standardize was fitted to ({wanted}) and got {x.shape}")
    return x
