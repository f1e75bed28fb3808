"""Addresses: host:port, as people type them and nodes tell each other.

>>> split("127.0.0.1:8001"), split("[::1]:8001"), join("::1", 8001)
(('127.0.0.1', 8001), ('::1', 8001), '[::1]:8001')
>>> is_local("127.0.0.1"), is_local("localhost"), is_local("192.0.2.1")
(True, True, False)
"""

import ipaddress

from p2pkit.errors import NetworkError


def split(address: str) -> tuple[str, int]:
    """Split an address into host and port. Raises NetworkError for anything that is none."""
    if not isinstance(address, str):
        raise NetworkError(f"{address!r:.80} is no address: write a str, as in '127.0.0.1:8001'")
    host, colon, port = address.rpartition(":")
    is_number = port.isascii() and port.isdigit() and len(port) <= 5
    if not (colon and host and is_number and int(port) < 65536):
        raise NetworkError(f"{address[:80]!r} is no address: write host:port, as in 127.0.0.1:8001")
    return host.removeprefix("[").removesuffix("]"), int(port)


def join(host: str, port: int) -> str:
    """Make an address of a host and a port."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_local(host: str) -> bool:
    """Tell whether a host is this machine, seen from itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_any(host: str) -> bool:
    """Tell whether a host means all of this machine's addresses: to listen on, not to dial."""
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return host == ""
