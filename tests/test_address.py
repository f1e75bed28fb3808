"""Addresses: host:port, apart and together, and what is no address."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from p2pkit.address import is_any, is_local, join, split
from p2pkit.errors import NetworkError


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("127.0.0.1:8001", ("127.0.0.1", 8001)),
        ("localhost:0", ("localhost", 0)),
        ("example.org:65535", ("example.org", 65535)),
        ("[::1]:80", ("::1", 80)),
        ("[fe80::1%eth0]:80", ("fe80::1%eth0", 80)),
    ],
)
def test_an_address_is_split_and_joined_again(address, parts):
    assert split(address) == parts
    assert join(*parts) == address


@pytest.mark.parametrize(
    "address",
    ["", ":", "localhost", "localhost:", ":8001", "localhost:http", "localhost:-1", "localhost:65536",
     "localhost:8001 ", "localhost: 8001", "localhost:+1", "localhost:1_000", "localhost:٣", "localhost:²",
     "localhost:8001/path", "http://localhost", "x:" + "9" * 5000, "x" * 1000]
)  # fmt: skip
def test_what_is_no_address_is_refused_with_an_example(address):
    with pytest.raises(
        NetworkError, match=r"is no address: write host:port, as in 127\.0\.0\.1:8001"
    ):
        split(address)


@given(
    some.text(max_size=30) | some.from_regex(r"[\[\]:.0-9a-f%]{0,20}:[0-9]{0,8}", fullmatch=True)
)
def test_no_text_at_all_raises_anything_else(text):
    try:
        host, port = split(text)
    except NetworkError as error:
        assert len(str(error)) < 1000  # noqa: PT017
    else:
        assert text.startswith(("[", host))
        assert 0 <= port < 65536


@pytest.mark.parametrize(
    ("host", "local", "everywhere"),
    [
        ("127.0.0.1", True, False), ("127.8.8.8", True, False), ("::1", True, False),
        ("localhost", True, False), ("192.0.2.1", False, False), ("10.0.0.1", False, False),
        ("example.org", False, False), ("localhost.example.org", False, False),
        ("127.0.0.1.example.org", False, False), ("0x7f.1", False, False), ("2130706433", False, False),
        ("0.0.0.0", False, True), ("::", False, True), ("", False, True),
    ],
)  # fmt: skip
def test_this_machine_and_all_of_its_addresses_are_known(host, local, everywhere):
    assert is_local(host) is local
    assert is_any(host) is everywhere
