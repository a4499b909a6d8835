"""The command line: what it prints, its exit codes, and what it imports."""

import json
import subprocess
import sys
import types
from importlib.metadata import EntryPoint, EntryPoints, entry_points, version

import pytest

from ember_ml.backend import registry
from ember_ml.backend.errors import EmberError
from ember_ml.backend.protocol import Backend
from ember_ml.backend.registry import list_backends
from ember_ml.cli import _main, main

INSTALLED = [info.name for info in list_backends()]


class Distribution:
    """What an entry point says of where it comes from."""

    def __init__(self, name, version="1.2.3"):
        self.name, self.version = name, version


def point(name, value, group, distribution):
    return EntryPoint(name, value, group)._for(Distribution(distribution))


class Broken(Backend):
    """A backend whose engine refuses to start."""

    name = "broken"

    def __init__(self):
        raise RuntimeError("the driver is too old")


class Impostor(Backend):
    """A backend that supplies nothing."""

    name = "impostor"
    dtypes = {}


@pytest.fixture
def with_backends(monkeypatch):
    """Other backends than those that are installed."""

    def use(*points):
        table = {}
        for p in points:
            table.setdefault(p.name, []).append(p)
        monkeypatch.setattr(registry, "_points", lambda: table)

    return use


def real(name):
    return next(p for p in entry_points(group=registry.GROUP) if p.name == name)


def fake(name, value, distribution):
    return point(name, value, registry.GROUP, distribution)


BROKEN = "fakes_of_test_cli:Broken"


@pytest.fixture(autouse=True)
def _fakes(monkeypatch):
    """A module that entry points can name: this one's own name is no plain one."""
    module = types.ModuleType("fakes_of_test_cli")
    for value in (Broken, Impostor, greet, fails, crashes):
        setattr(module, value.__name__, value)
    monkeypatch.setitem(sys.modules, module.__name__, module)


# -- ember backends ---------------------------------------------------------------------------


def test_backends_lists_what_is_installed(capsys):
    assert main(["backends"]) == 0
    output = capsys.readouterr()
    lines = output.out.splitlines()
    assert [line.split()[0] for line in lines] == INSTALLED
    for line, info in zip(lines, list_backends(), strict=True):
        assert line.split()[1:] == [info.distribution, info.version]
    assert output.err == ""


def test_names_restrict_the_list(capsys):
    name = INSTALLED[-1]
    assert main(["backends", name]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [name]


def test_a_name_that_is_not_installed(capsys):
    assert main(["backends", INSTALLED[0], "fortran"]) == 1
    output = capsys.readouterr()
    assert output.out.startswith(INSTALLED[0])
    assert "'fortran' is not installed; install the distribution that provides" in output.err


def test_no_backend_at_all(capsys, with_backends):
    with_backends()
    assert main(["backends"]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert "none is installed; pip install 'ember-core[numpy]'" in output.err


def test_check_tries_a_backend_out(capsys):
    name = INSTALLED[0]
    assert main(["backends", name, "--check"]) == 0
    text = capsys.readouterr().out
    backend = registry.get_backend(name)
    assert f"engine        {backend.engine_version()}" in text
    assert f"devices       {', '.join(backend.devices())}" in text
    for capability in backend.capabilities:
        assert capability in text
    assert "GFLOP/s (float32, 512 x 512)" in text


def test_json(capsys):
    assert main(["backends", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [entry["name"] for entry in listed] == INSTALLED
    assert {entry["engine_version"] for entry in listed} == {None}
    name = INSTALLED[0]
    assert main(["backends", "--check", "--json", name]) == 0
    (entry,) = json.loads(capsys.readouterr().out)
    backend = registry.get_backend(name)
    assert entry["engine_version"] == backend.engine_version()
    assert entry["devices"] == backend.devices()
    assert entry["capabilities"] == sorted(backend.capabilities)
    assert entry["gflops"] > 0
    assert entry["error"] is None


def test_a_backend_that_fails_is_named_and_the_others_pass(capsys, with_backends):
    name = INSTALLED[0]
    with_backends(
        fake("broken", BROKEN, "ember-backend-broken"),
        real(name),
        fake("absent", "no_such_module_anywhere:Backend", "ember-backend-absent"),
    )
    assert main(["backends", "--check"]) == 1
    text = capsys.readouterr().out
    absent, broken = text.index("absent "), text.index("broken ")
    assert "fails         backend 'absent' (ember-backend-absent 1.2.3) failed to load" in text
    assert "is no_such_module_anywhere installed?" in text[absent:broken]
    assert "RuntimeError: the driver is too old" in text[broken:]
    assert "GFLOP/s" in text[broken:]
    assert main(["backends", "--check", "--json"]) == 1
    errors = {e["name"]: e["error"] for e in json.loads(capsys.readouterr().out)}
    assert errors[name] is None
    assert "the driver is too old" in errors["broken"]
    assert main(["backends", "--check", name]) == 0  # the broken one was not asked for


def test_a_backend_that_lacks_operations_fails(capsys, with_backends):
    with_backends(fake("impostor", "fakes_of_test_cli:Impostor", "ember-backend-impostor"))
    assert main(["backends"]) == 0  # it is installed
    assert main(["backends", "--check"]) == 1
    text = capsys.readouterr().out
    assert "is incomplete" in text
    assert "matmul" in text


def test_two_distributions_that_claim_a_name(capsys, with_backends):
    with_backends(fake("broken", BROKEN, "one"), fake("broken", BROKEN, "two"))
    assert main(["backends", "--check"]) == 1
    assert "claimed by one 1.2.3 and two 1.2.3" in capsys.readouterr().out


# -- finding commands -------------------------------------------------------------------------


def greet(parser):
    parser.description = "Greets."
    parser.add_argument("name")
    parser.add_argument("--loud", action="store_true")

    def run(arguments):
        text = f"hello {arguments.name}"
        sys.stdout.write(text.upper() if arguments.loud else text)
        return 3 if arguments.name == "nobody" else 0

    return run


def fails(parser):
    def run(arguments):
        raise EmberError("the file is damaged")

    return run


def crashes(parser):
    raise ValueError("no parser today")


@pytest.fixture
def with_commands(monkeypatch):
    def use(**values):
        points = EntryPoints(
            point(name, value, _main.GROUP, f"dist-{name}") for name, value in values.items()
        )
        monkeypatch.setattr(_main, "entry_points", lambda group: points.select(group=group))

    return use


def test_commands_of_other_distributions(capsys, with_commands):
    with_commands(greet="fakes_of_test_cli:greet")
    assert main(["greet", "world", "--loud"]) == 0
    assert capsys.readouterr().out == "HELLO WORLD"
    assert main(["greet", "nobody"]) == 3
    with pytest.raises(SystemExit) as stopped:
        main(["greet", "--help"])
    assert stopped.value.code == 0
    assert "usage: ember greet" in capsys.readouterr().out


def test_a_command_that_fails_to_load_leaves_the_others(capsys, with_commands):
    with_commands(
        greet="fakes_of_test_cli:greet",
        gone="no_such_module_anywhere:x",
        crash="fakes_of_test_cli:crashes",
    )
    assert main(["gone"]) == 1
    assert (
        "ember: the command 'gone' of dist-gone fails to load: ModuleNotFoundError"
        in capsys.readouterr().err
    )
    assert main(["crash"]) == 1
    assert "fails to load: ValueError: no parser today" in capsys.readouterr().err
    assert main(["greet", "world"]) == 0


def test_embers_errors_become_a_line(capsys, with_commands):
    with_commands(fails="fakes_of_test_cli:fails")
    assert main(["fails"]) == 1
    assert capsys.readouterr().err == "ember fails: the file is damaged\n"


def test_a_command_that_two_distributions_claim(capsys, monkeypatch):
    points = EntryPoints(
        point("greet", "fakes_of_test_cli:greet", _main.GROUP, name)
        for name in ("one", "one", "two")
    )
    monkeypatch.setattr(_main, "entry_points", lambda group: points)
    assert main(["greet", "world"]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert "the command 'greet' is claimed by one and two; uninstall one of them" in output.err


def test_usage(capsys, with_commands):
    with_commands(greet="fakes_of_test_cli:greet")
    assert main([]) == 2
    assert "greet        from dist-greet" in capsys.readouterr().out
    with pytest.raises(SystemExit) as stopped:
        main(["nonsense"])
    assert stopped.value.code == 2
    assert "invalid choice: 'nonsense'" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stopped:
        main(["greet", "--nonsense", "x"])
    assert stopped.value.code == 2


def test_version(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out == f"ember {version('ember-core')}\n"


# -- as a program -----------------------------------------------------------------------------

ENGINES = ["numpy", "torch", "mlx", "autograd", "scipy"]


def python(*arguments):
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("arguments", [["backends"], ["backends", "--json"]])
def test_nothing_is_imported_without_check(arguments):
    code = f"""
import sys
from ember_ml.cli import main
code = main({arguments!r})
loaded = [name for name in {ENGINES!r} if name in sys.modules]
assert not loaded, loaded
assert "ember_ml.nn" not in sys.modules
assert not [name for name in sys.modules if name.startswith("ember_ml.backend.numpy")]
sys.exit(code)
"""
    done = python("-c", code)
    assert (done.returncode, done.stderr) == (0, "")
    assert INSTALLED[0] in done.stdout


def test_check_imports_only_what_was_named():
    name, others = INSTALLED[0], INSTALLED[1:]
    code = f"""
import sys
from ember_ml.cli import main
code = main(["backends", "--check", {name!r}])
loaded = [other for other in {others!r} if f"ember_ml.backend.{{other}}" in sys.modules]
assert not loaded, loaded
sys.exit(code)
"""
    done = python("-c", code)
    assert (done.returncode, done.stderr) == (0, "")


def test_as_a_module():
    done = python("-m", "ember_ml.cli", "backends", "fortran")
    assert done.returncode == 1
    assert "'fortran' is not installed" in done.stderr
    assert python("-m", "ember_ml.cli").returncode == 2
