"""The promises of the design, tested on each runtime by the same tests.

What is tested may live in another process, so that tests and actors share nothing but messages, and
files where an actor has to wait for its test.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
import pytest_asyncio

from ember_ml.pipeline import ActorSystem, RayRuntime, Supervision

sys.path.insert(0, str(Path(__file__).parent))  # for promised_actors

_ray = pytest.param(
    "ray",
    marks=[
        pytest.mark.xdist_group("ray"),
        pytest.mark.skipif(
            importlib.util.find_spec("ray") is None, reason="needs the extra ember-pipeline[ray]"
        ),
    ],
)


@pytest_asyncio.fixture(scope="session", loop_scope="session", params=["local", _ray])
async def runtime(request):
    """What `ActorSystem` takes as its runtime: None for the one in this process."""
    if request.param == "local":
        yield None
        return
    request.getfixturevalue("ray")
    async with RayRuntime(hosts=2) as runtime:
        yield runtime


@pytest_asyncio.fixture(loop_scope="session")
async def system(runtime):
    supervision = Supervision(max_restarts=100)
    async with ActorSystem(
        "app", runtime=runtime, supervision=supervision, blocked_after=None
    ) as system:
        yield system


@pytest.fixture(scope="module", autouse=True)
def classes_travel_with_their_code(request):
    """The processes of Ray cannot import the modules of tests."""
    if importlib.util.find_spec("ray") is None:
        yield
        return
    import promised_actors
    from ray import cloudpickle

    for module in (promised_actors, request.module):
        cloudpickle.register_pickle_by_value(module)
    yield
    for module in (promised_actors, request.module):
        cloudpickle.unregister_pickle_by_value(module)
