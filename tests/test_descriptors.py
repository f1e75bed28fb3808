"""File descriptors: counted before they are missing, and more are asked for where that helps."""

import sys
from types import SimpleNamespace

import pytest

from p2pkit import descriptors
from p2pkit.errors import NetworkError

INFINITY = -1


class Limits(SimpleNamespace):
    """What the `resource` module does, for a system with limits of our choice."""

    RLIMIT_NOFILE = 7
    RLIM_INFINITY = INFINITY

    def getrlimit(self, which):
        assert which == self.RLIMIT_NOFILE
        return self.soft, self.hard

    def setrlimit(self, which, limits):
        if self.kernel is not None and limits[0] > self.kernel:
            raise ValueError("not allowed to raise maximum limit")
        self.soft, self.hard = limits


@pytest.fixture
def system(monkeypatch):
    """Return a function that gives this process some limits, and 36 open descriptors."""

    def has(soft, hard, kernel=None):
        limits = Limits(soft=soft, hard=hard, kernel=kernel)
        monkeypatch.setitem(sys.modules, "resource", limits)
        monkeypatch.setattr(descriptors, "in_use", lambda: 36)
        return limits

    return has


def test_enough_is_enough(system):
    limits = system(soft=256, hard=4096)
    descriptors.check(nodes=56, links=50)
    assert limits.soft == 256


def test_more_are_asked_for_and_no_more_than_needed(system):
    limits = system(soft=256, hard=4096)
    descriptors.check(nodes=100, links=500)
    assert (limits.soft, limits.hard) == (1200, 4096)


@pytest.mark.parametrize(
    "limit", [{"soft": 256, "hard": 1199}, {"soft": 256, "hard": INFINITY, "kernel": 1199}], ids=str
)
def test_too_few_are_said_in_one_sentence_with_the_numbers(system, limit):
    system(**limit)
    with pytest.raises(NetworkError) as caught:
        descriptors.check(nodes=100, links=500)
    sentence = str(caught.value)
    assert "100 nodes with 500 links need 1,200 file descriptors" in sentence
    assert ("allows 1,199" in sentence) or ("allows 256" in sentence)
    assert "ulimit -n 1200" in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize(
    "limit", [{"soft": INFINITY, "hard": INFINITY}, {"soft": 64, "hard": INFINITY}]
)
def test_a_system_without_a_limit_gives_all(system, limit):
    system(**limit)
    descriptors.check(nodes=100_000, links=500_000)


def test_a_system_that_has_no_limits_to_ask_for_gives_all(monkeypatch):
    monkeypatch.setitem(sys.modules, "resource", None)  # as on Windows
    assert descriptors.raise_limit(10**9) is None
    descriptors.check(nodes=10**6, links=10**6)


def test_descriptors_in_use_are_counted(tmp_path):
    before = descriptors.in_use()
    files = [open(tmp_path / "file", "a") for _ in range(5)]  # noqa: SIM115
    try:
        assert descriptors.in_use() in (before + 5, 0)  # 0: a system that does not tell
    finally:
        for file in files:
            file.close()
