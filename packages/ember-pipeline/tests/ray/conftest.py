"""The tests of this folder need Ray."""

from __future__ import annotations

import importlib.util

import pytest
import pytest_asyncio

from ember_ml.pipeline import RayRuntime


def pytest_runtest_setup(item):
    if importlib.util.find_spec("ray") is None:
        pytest.skip("needs the extra ember-pipeline[ray]")


@pytest.fixture(scope="module", autouse=True)
def classes_travel_with_their_code(request):
    """The processes of Ray cannot import the modules of tests."""
    from ray import cloudpickle

    cloudpickle.register_pickle_by_value(request.module)
    yield
    cloudpickle.unregister_pickle_by_value(request.module)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def runtime(ray):
    async with RayRuntime(hosts=2) as runtime:
        yield runtime
