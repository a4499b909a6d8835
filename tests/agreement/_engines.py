"""The engines that are compared."""

import os

from ember_ml.backend.registry import list_backends

_INSTALLED = [info.name for info in list_backends() if info.name in ("numpy", "torch", "mlx")]
#: Their names; ``EMBER_TEST_BACKENDS`` restricts them.
ENGINES = (os.environ.get("EMBER_TEST_BACKENDS") or ",".join(_INSTALLED)).split(",")
