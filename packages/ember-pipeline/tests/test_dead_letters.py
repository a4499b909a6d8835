import pytest

from ember_ml.backend.errors import InvalidValueError
from ember_ml.pipeline import DeadLetter, DeadLetters


def letter(message):
    return DeadLetter(message, "actor stopped", "counter")


def test_letters_are_kept_in_order():
    letters = DeadLetters()
    for message in (1, 2, 3):
        letters.add(letter(message))
    assert list(letters) == [letter(1), letter(2), letter(3)]
    assert (len(letters), letters.total) == (3, 3)


def test_beyond_the_limit_the_oldest_are_forgotten_and_still_counted():
    letters = DeadLetters(limit=2)
    for message in (1, 2, 3):
        letters.add(letter(message))
    assert list(letters) == [letter(2), letter(3)]
    assert (len(letters), letters.total) == (2, 3)
    assert repr(letters) == "DeadLetters(2 kept of 3)"


def test_letters_may_arrive_while_they_are_read():
    letters = DeadLetters()
    letters.add(letter(1))
    for each in letters:
        letters.add(each)
    assert len(letters) == 2


def test_the_limit_is_at_least_one():
    with pytest.raises(InvalidValueError, match="at least 1, got 0"):
        DeadLetters(limit=0)
