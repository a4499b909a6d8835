"""Ray for the tests of this folder: on this machine alone, and ended after the last of them."""

from __future__ import annotations

import importlib.util
import os

import pytest

if importlib.util.find_spec("ray") is None:
    collect_ignore_glob = ["*.py"]  # needs the extra ember-pipeline[ray]


@pytest.fixture(scope="session")
def ray():
    """Ray, started by the first test that needs it."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # Ray replaces 127.0.0.1 by the machine's own address where clusters are enabled.
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    import ray

    ray.init(
        num_cpus=2,
        _node_ip_address="127.0.0.1",
        include_dashboard=False,
        object_store_memory=100 * 2**20,
        log_to_driver=False,
        logging_level="ERROR",
    )
    yield ray
    ray.shutdown()


@pytest.fixture(scope="module", autouse=True)
def classes_travel_with_their_code(request):
    """The processes of Ray cannot import the modules of tests."""
    from ray import cloudpickle

    cloudpickle.register_pickle_by_value(request.module)
    yield
    cloudpickle.unregister_pickle_by_value(request.module)
