import pickle
from collections import deque
from types import SimpleNamespace
from typing import Any

import pytest

from ember_ml.pipeline import StageError
from ember_ml.pipeline._describe import describe, promised


class Array:
    def __init__(self, shape, **more):
        self.shape = shape
        for name, value in more.items():
            setattr(self, name, value)


class Broken:
    @property
    def shape(self):
        raise RuntimeError("gone")


class Endless:
    def __contains__(self, x):
        return True

    def __iter__(self):
        return iter(())

    def __len__(self):
        raise OverflowError


VALUES = [
    (None, "None"),
    (True, "bool True"),
    (3, "int 3"),
    ("seven", "str 'seven'"),
    (b"x", "bytes b'x'"),
    ([1, 2], "list of 2"),
    ((), "tuple of 0"),
    ({1, 2, 3}, "set of 3"),
    (deque([1]), "deque of 1"),
    ({}, "empty dict"),
    ({"a": 1, 2: 3}, "dict with keys 'a', 2"),
    (dict.fromkeys("abcdefgh"), "dict with keys 'a', 'b', 'c', 'd', 'e', 'f', ..."),
    (Array((3, 4), dtype="float32"), "float32 Array of shape (3, 4)"),
    (Array([2], dtype="torch.int64"), "int64 Array of shape (2,)"),
    (Array((), dtype="mlx.core.bfloat16"), "bfloat16 Array of shape ()"),
    (Array((3,), dtype="float32", backend="numpy"), "float32 Array of shape (3,) on numpy"),
    (Array((5, 2)), "Array of shape (5, 2)"),
    (Array, "type"),
    (SimpleNamespace(x=1), "SimpleNamespace"),
    (Array(7), "Array"),
    (Broken(), "Broken"),
    (Endless(), "Endless"),
]


@pytest.mark.parametrize(("value", "words"), VALUES, ids=[words for _, words in VALUES])
def test_a_value_in_words(value, words):
    assert describe(value) == words


def test_a_long_text_is_shortened():
    assert len(describe("x" * 1000)) < 50


def test_what_annotations_promise():
    def lines(text) -> list[str]:
        return text.splitlines()

    def load(path) -> "Image":  # noqa: F821  a name that is not there, as behind TYPE_CHECKING
        return path

    def count(text) -> int:
        return len(text)

    def anything(text) -> Any:
        return text

    calls = (lines, load, count, anything, lambda x: x, max)
    assert [promised(call) for call in calls] == ["list[str]", "Image", "int", None, None, None]


def test_a_stage_error_can_be_pickled_with_all_it_tells():
    error = StageError("p", "s", [1], ValueError("bad"), 3, "int 4")
    error.index = 7
    other = pickle.loads(pickle.dumps(error))
    assert str(other) == str(error)
    assert (other.pipeline, other.stage, other.item, other.index) == ("p", "s", [1], 7)
    assert repr(other.__cause__) == "ValueError('bad')"
