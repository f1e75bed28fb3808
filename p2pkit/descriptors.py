"""File descriptors: every listening node needs one, every link between two nodes in one process
needs two.

Systems allow a process only so many, often 256 or 1,024 at first, and let it ask for more.
"""

from pathlib import Path

from p2pkit.errors import NetworkError

SPARE = 64
"""Descriptors that are left for files, pipes and the loop itself."""


def check(nodes: int, links: int) -> None:
    """Make sure that so many more nodes and links can be had. Raises NetworkError if not."""
    needed = nodes + 2 * links + in_use() + SPARE
    allowed = raise_limit(needed)
    if allowed is not None and allowed < needed:
        raise NetworkError(
            f"{nodes:,} nodes with {links:,} links need {needed:,} file descriptors, and this system allows "
            f"{allowed:,}: take fewer nodes or links, or raise the limit (ulimit -n {needed})"
        )


def in_use() -> int:
    """Return how many descriptors this process has open, as far as the system tells."""
    for place in ("/proc/self/fd", "/dev/fd"):
        try:
            return sum(1 for _ in Path(place).iterdir())
        except OSError:
            continue
    return 0


def raise_limit(needed: int) -> int | None:
    """Ask for that many descriptors, and return how many are allowed now; None where there is no
    limit."""
    try:
        import resource
    except ImportError:
        return None  # Windows
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return needed
    wanted = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (ValueError, OSError):  # macOS has a lower limit in the kernel
        return soft
    return wanted
