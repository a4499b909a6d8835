"""The suite to subclass."""

from __future__ import annotations

from ._behaviour import Behaviour
from ._facts import Facts
from ._operations import Operations
from ._packaging import Packaging

__all__ = ["BackendSuite"]


class BackendSuite(Facts, Operations, Behaviour, Packaging):
    """Every test that a backend must pass.

    Subclass it in a test module, with the name under which the backend is registered:

        class TestJax(BackendSuite):
            backend = "jax"

    What the engine need not have (the optional dtypes and capabilities) is skipped where the
    backend does not claim it. What it should have and cannot is named in the backend's
    ``known_failures``, or in ``expected_failures`` here, by exact test and with a reason
    (``{"test_gradient[linalg.eigh-float32]": "jax#1234"}``), and turns red as soon as it passes.
    """
