from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from ember_ml.backend.registry import use_backend


@pytest.fixture(autouse=True)
def torch_is_current() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with use_backend("torch"):
        yield
    torch.set_num_threads(threads)
