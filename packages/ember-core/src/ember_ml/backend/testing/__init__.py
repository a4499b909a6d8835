"""The conformance kit: it certifies a backend, operation by operation.

Install it with ``pip install 'ember-core[testing]'``, and run

    pytest --pyargs ember_ml.backend.testing --ember-backend NAME

or subclass `BackendSuite` in a test module of the backend's distribution:

    from ember_ml.backend.testing import BackendSuite

    class TestJax(BackendSuite):
        backend = "jax"
        expected_failures = {"test_gradient[linalg.eigh-float32]": "jax#1234"}

What a backend returns is compared with what NumPy computes in double precision, or with what a
factorisation must satisfy; never with what the backend itself says elsewhere, but for one
purpose: an override must agree with the composition that it replaces.
"""

from . import _cases as _cases  # fills CASES
from ._case import CASES, Case
from ._coverage import Row, coverage
from ._draw import Array, Draw
from ._suite import BackendSuite

__all__ = ["CASES", "Array", "BackendSuite", "Case", "Draw", "Row", "coverage"]
