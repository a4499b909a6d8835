"""Finding, choosing and loading backends."""

import asyncio
import contextvars
import re
import subprocess
import sys
import threading

import pytest

from ember_ml.backend import registry
from ember_ml.backend.dtypes import bool_, float32
from ember_ml.backend.errors import BackendLoadError, BackendNotFoundError
from ember_ml.backend.numpy import NumpyBackend
from ember_ml.backend.operations import OPERATIONS
from ember_ml.backend.protocol import API_VERSION, Backend
from ember_ml.backend.registry import (
    BackendInfo,
    current_backend,
    get_backend,
    list_backends,
    loaded_backends,
    set_backend,
    use_backend,
)
from ember_ml.nn import tensor as et


class Distribution:
    def __init__(self, name, version):
        self.name, self.version = name, version


class Point:
    """An entry point that loads what it is given."""

    group = registry.GROUP

    def __init__(self, name, load, distribution="ember-backend-fake", version="0.9"):
        self.name, self.value = name, f"{distribution.replace('-', '_')}:Backend"
        self.dist = Distribution(distribution, version)
        self._load = load

    def load(self):
        if isinstance(self._load, Exception):
            raise self._load
        return self._load


@pytest.fixture
def installed(monkeypatch):
    """Makes the given entry points the installed ones, with nothing loaded or chosen."""
    monkeypatch.setattr(registry, "_default", None)
    monkeypatch.setattr(registry, "_sole", None)
    monkeypatch.setattr(registry, "_loaded", {})
    monkeypatch.setattr(registry, "_bounds", dict(registry._bounds))
    monkeypatch.delenv("EMBER_BACKEND", raising=False)

    def install(*points):
        def entry_points(*, group):
            assert group == "ember_ml.backends"
            return list(points)

        monkeypatch.setattr("importlib.metadata.entry_points", entry_points)

    return install


def run(code, **environment):
    """Output of a fresh interpreter."""
    import os

    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# -- listing ----------------------------------------------------------------------------------


def test_backends_are_listed_without_being_imported():
    engines = run(
        "import sys\n"
        "from ember_ml.backend.registry import list_backends\n"
        "print([b.name for b in list_backends() if b.name in ('numpy', 'torch', 'mlx')])\n"
        "print(sorted({'numpy', 'torch', 'mlx'} & set(sys.modules)))"
    )
    names, imported = engines.splitlines()
    assert names == str([b.name for b in list_backends() if b.name in ("numpy", "torch", "mlx")])
    assert imported == "[]"


def test_importing_the_frontend_loads_no_engine():
    code = (
        "import sys, ember_ml.nn.tensor\n"
        "print(sorted({'numpy', 'torch', 'mlx', 'autograd'} & set(sys.modules)))"
    )
    assert run(code) == "[]"


def test_only_the_backend_asked_for_is_loaded():
    code = (
        "import sys\n"
        "from ember_ml.nn import tensor as et\n"
        "et.use_backend('numpy').__enter__()\n"
        "et.asarray([1.0, 2.0]).sum().item()\n"
        "print(sorted({'numpy', 'torch', 'mlx', 'autograd'} & set(sys.modules)))"
    )
    assert run(code) == "['numpy']"


def test_what_is_known_of_a_backend(installed):
    installed(Point("b", None, "dist-b", "2.0"), Point("a", None, "dist-a", "1.0"))
    assert list_backends() == [
        BackendInfo("a", "dist-a", "1.0", "dist_a:Backend"),
        BackendInfo("b", "dist-b", "2.0", "dist_b:Backend"),
    ]


# -- choosing ---------------------------------------------------------------------------------


def test_the_order_of_choice(installed, monkeypatch):
    class Other(NumpyBackend):
        name = "other"

    class Third(NumpyBackend):
        name = "third"

    points = [Point("numpy", NumpyBackend), Point("other", Other), Point("third", Third)]
    installed(*points)
    assert current_backend().name == "numpy"
    monkeypatch.setenv("EMBER_BACKEND", "other")
    assert current_backend().name == "other"
    set_backend("numpy")
    assert current_backend().name == "numpy"
    with use_backend("third") as chosen:
        assert current_backend() is chosen
        assert chosen.name == "third"
        with use_backend("other"):
            assert current_backend().name == "other"
        assert current_backend().name == "third"
    assert current_backend().name == "numpy"


def test_the_only_one_installed_is_the_default(installed):
    class Lonely(NumpyBackend):
        name = "lonely"

    installed(Point("lonely", Lonely))
    assert current_backend().name == "lonely"


def test_none_is_installed(installed):
    installed()
    with pytest.raises(BackendNotFoundError, match=r"no backend is installed; pip install"):
        current_backend()


def test_several_are_installed_and_none_is_chosen(installed):
    installed(Point("b", None), Point("a", None))
    with pytest.raises(
        BackendNotFoundError, match=r"\(a, b\) and none is chosen; call set_backend\('a'\)"
    ):
        current_backend()


def test_an_unknown_name(installed):
    installed(Point("a", None))
    with pytest.raises(BackendNotFoundError, match=r"'jaxx' is installed \(installed: a\)"):
        get_backend("jaxx")
    with pytest.raises(BackendNotFoundError, match=r"pip install 'ember-core\[torch\]'"):
        set_backend("torch")
    with pytest.raises(ImportError), use_backend("jaxx"):
        pass


def test_the_environment_variable_in_a_fresh_process():
    code = "from ember_ml.nn import tensor as et; print(et.zeros(1).backend)"
    for name in [b.name for b in list_backends() if b.name in ("numpy", "torch")]:
        assert run(code, EMBER_BACKEND=name) == name
    code = (
        "from ember_ml.nn import tensor as et\n"
        "try: et.zeros(1)\n"
        "except ImportError as error: print(type(error).__name__, error)"
    )
    assert run(code, EMBER_BACKEND="nosuch").startswith(
        "BackendNotFoundError no backend 'nosuch' is installed"
    )


def test_an_error_within_the_block_restores_the_choice():
    before = current_backend()
    with pytest.raises(RuntimeError), use_backend("numpy"):
        raise RuntimeError
    assert current_backend() is before


def test_threads_do_not_disturb_each_other(engines):
    seen = {}
    barrier = threading.Barrier(len(engines))

    def work(name):
        with use_backend(name):
            barrier.wait()
            seen[name] = et.zeros(1).backend
            barrier.wait()

    before = current_backend()
    threads = [threading.Thread(target=work, args=(name,)) for name in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {name: name for name in engines}
    assert current_backend() is before


def test_a_new_thread_starts_from_the_process_wide_choice(engines):
    seen = []
    with use_backend(engines[-1]):
        thread = threading.Thread(target=lambda: seen.append(current_backend().name))
        thread.start()
        thread.join()
    assert seen == [current_backend().name]


async def test_tasks_do_not_disturb_each_other(engines):
    async def work(name):
        with use_backend(name):
            for _ in range(3):
                await asyncio.sleep(0)
                assert et.zeros(1).backend == name
        return name

    before = current_backend()
    assert await asyncio.gather(*map(work, engines)) == engines
    assert current_backend() is before


def test_a_copied_context_keeps_the_choice(engines):
    with use_backend(engines[-1]):
        context = contextvars.copy_context()
    assert context.run(lambda: current_backend().name) == engines[-1]


# -- loading ------------------------------------------------------------------------------------


def test_a_backend_is_loaded_once(engines):
    for name in engines:
        assert get_backend(name) is get_backend(name)
        assert get_backend(name) in loaded_backends()


def test_first_use_from_many_threads(installed):
    made = []

    class Slow(NumpyBackend):
        name = "slow"

        def __init__(self):
            super().__init__()
            made.append(self)

    installed(Point("slow", Slow))
    found = []
    threads = [threading.Thread(target=lambda: found.append(get_backend("slow"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert found == made * 8


def test_two_distributions_claim_one_name(installed):
    installed(
        Point("numpy", NumpyBackend, "ember-backend-numpy", "0.1"),
        Point("numpy", NumpyBackend, "other-numpy", "3.2"),
        Point("fine", type("Fine", (NumpyBackend,), {"name": "fine"}), "fine-dist"),
    )
    with pytest.raises(
        BackendLoadError,
        match=r"'numpy' is claimed by ember-backend-numpy 0\.1 and other-numpy 3\.2; uninstall one",
    ):
        get_backend("numpy")
    assert get_backend("fine").name == "fine"


def test_one_distribution_seen_twice_is_no_conflict(installed):
    point = Point("numpy", NumpyBackend, "ember-backend-numpy", "0.1")
    installed(point, point)
    assert get_backend("numpy").name == "numpy"


def test_a_missing_engine(installed):
    installed(
        Point("gone", ModuleNotFoundError("No module named 'jax'", name="jax"), "ember-jax", "1.2"),
        Point("numpy", NumpyBackend),
    )
    with pytest.raises(
        BackendLoadError,
        match=r"backend 'gone' \(ember-jax 1\.2\) failed to load: ModuleNotFoundError: "
        r"No module named 'jax'; is jax installed\?",
    ) as caught:
        get_backend("gone")
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)
    assert get_backend("numpy").name == "numpy"  # the others go on working


def test_a_constructor_that_fails(installed):
    def broken():
        raise RuntimeError("no driver")

    installed(Point("bad", broken, "bad-dist", "0.1"))
    with pytest.raises(BackendLoadError, match=r"\(bad-dist 0\.1\) failed .*RuntimeError: no dri"):
        get_backend("bad")


def test_something_that_is_no_backend(installed):
    installed(Point("odd", dict, "odd-dist"))
    with pytest.raises(BackendLoadError, match=r"odd_dist:Backend made a dict, not a subclass of"):
        get_backend("odd")


def test_another_version_of_the_protocol(installed):
    future = type("Future", (NumpyBackend,), {"name": "future", "api_version": API_VERSION + 1})
    installed(Point("future", future))
    with pytest.raises(
        BackendLoadError, match=rf"version {API_VERSION + 1} .* version {API_VERSION}"
    ):
        get_backend("future")


def test_a_backend_that_calls_itself_otherwise(installed):
    installed(Point("alias", NumpyBackend))
    with pytest.raises(BackendLoadError, match=r"calls itself 'numpy'; the names must agree"):
        get_backend("alias")


def test_missing_primitives_are_listed_by_topic(installed):
    class Empty(Backend):
        name = "empty"
        array_type = list
        array_types = (list,)
        dtypes = {bool_: bool, float32: float}

    installed(Point("empty", Empty, "empty-dist", "0.0"))
    with pytest.raises(
        BackendLoadError, match=r"backend 'empty' \(empty-dist 0\.0\) is incom"
    ) as e:
        get_backend("empty")
    text = str(e.value)
    owed = {key for key, operation in OPERATIONS.items() if operation.primitive}
    assert f"{len(owed)} of {len(owed)} primitives are missing:" in text
    topics = dict(re.findall(r"^  (\w+): (.*(?:\n    .*)*)", text, re.MULTILINE))
    assert {key for names in topics.values() for key in re.findall(r"\w+", names)} == owed
    assert "add" in topics["elementwise"]
    assert "linalg_qr" in topics["linalg"]
    assert "Empty must define:\n  engine_version, from_python, from_buffer" in text
    assert "array_type" not in text
    assert "Empty.dtypes lacks int64\n" in text


def test_a_few_missing_primitives_are_described(installed, monkeypatch):
    kept = [m for m in NumpyBackend.modules if not hasattr(m, "copysign")]
    monkeypatch.setattr(NumpyBackend, "modules", tuple(kept))
    for key, operation in OPERATIONS.items():
        if operation.topic == "elementwise" and key not in ("copysign", "nextafter"):
            monkeypatch.setattr(NumpyBackend, key, lambda *arguments: None, raising=False)
    installed(Point("few", type("Few", (NumpyBackend,), {"name": "few"})))
    with pytest.raises(BackendLoadError) as caught:
        get_backend("few")
    text = str(caught.value)
    assert "2 of " in text
    assert "  elementwise:\n    copysign(x1, x2, /)\n        The magnitude of ``x1``" in text
    assert "    nextafter(x1, x2, /)\n        The next number after ``x1``" in text
    assert "must define" not in text


def test_a_wrong_signature_is_refused(installed):
    class Wrong(NumpyBackend):
        name = "wrong"

        def sort(self, x, /, *, axis=-1):
            return x

        def sum(self, x, /, *, axis=None, dtype=None, keepdims=False, extra=1):
            return x  # more parameters with defaults do no harm

    installed(Point("wrong", Wrong))
    with pytest.raises(BackendLoadError, match=r"sort: its signature \(x, /, \*, axis=-1\)") as e:
        get_backend("wrong")
    assert "does not take what sort(x, /, *, axis=-1, descending=False, stable=True)" in str(
        e.value
    )
    assert "sum" not in str(e.value)


def test_a_wrong_override_is_refused_too(installed):
    wrong = type("Wrong", (NumpyBackend,), {"name": "wrong", "softmax": lambda self, x: x})
    installed(Point("wrong", wrong))
    with pytest.raises(BackendLoadError, match=r"softmax: its signature"):
        get_backend("wrong")


def test_an_operation_on_the_object_comes_before_the_modules(installed):
    class Loud(NumpyBackend):
        name = "loud"

        def exp(self, x, /):
            return x + 40

    installed(Point("loud", Loud))
    with use_backend("loud"):
        assert et.exp([1.0, 2.0]).tolist() == [41.0, 42.0]
        assert et.softmax([0.0, 0.0]).tolist() == [0.5, 0.5]
