"""Every error p2pkit raises, in one tree.

    P2PKitError
    ├── MessageError    a Message class, or a message, that cannot travel        (a TypeError)
    ├── ProtocolError   a Protocol class, or a call of it, that cannot work      (a TypeError)
    ├── TopologyError   a graph, or a file of one, that cannot be a network      (a ValueError)
    ├── NetworkError    a network was asked for something it cannot do           (a RuntimeError)
    │   └── NodeDown    … of a node that is not running
    ├── TraceError      a trace was asked for what was not recorded, or cannot be read
    ├── CheckFailed     a check found what must not be                           (an AssertionError)
    └── StrangerError   what somebody else's bytes did wrong
        ├── FrameError      the bytes are not frames: the connection is closed
        ├── HelloError      the other side is not who we want to talk to: the connection is closed
        └── NotUnderstood   the frame is no message of ours: the message is dropped

The idea is *mine or yours*. The first six are the caller's mistakes: they are raised, on the line
that made them, and say what to do. A `StrangerError` never leaves the kit: it is caught where the
bytes came in, and its sentence becomes the reason that the trace shows. And a `CheckFailed` is neither: it
is an answer to a question that somebody has put to a network, or to a trace (`p2pkit.check`).

An exception raised inside a student's handler is not wrapped in any of these: it leaves `run()` as
itself, with a note that says at which node and when.
"""

MAX_SENTENCE = 200
"""Characters of what a stranger made us say, at most: two lines of a terminal."""


def harmless(text: str) -> str:
    """Return a stranger's text as it may be shown: what would move a terminal's cursor, or turn
    its line around, is spelled out, and the end left out if it is long."""
    plain = text[: MAX_SENTENCE + 1]
    if not plain.isprintable():
        plain = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in plain)
    return shortened(plain, MAX_SENTENCE)


def shortened(text: str, most: int = 80) -> str:
    """Return a text, its end left out if it is long.

    >>> shortened("x" * 100, most=10)
    'xxxxxxxxx…'
    """
    return text if len(text) <= most else text[: most - 1] + "…"


def counted(number: int, thing: str) -> str:
    """Return a number and what it is of.

    >>> counted(1, "node"), counted(1200, "node")
    ('1 node', '1,200 nodes')
    """
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


class P2PKitError(Exception):
    """The root of the tree."""


class MessageError(P2PKitError, TypeError):
    """A Message class, or a message, that cannot travel."""


class ProtocolError(P2PKitError, TypeError):
    """A Protocol class, or a call of one of its methods, that cannot work."""


class TopologyError(P2PKitError, ValueError):
    """A graph, or a file that should hold one, that cannot be a network."""


class NetworkError(P2PKitError, RuntimeError):
    """A network was asked for something it cannot do."""


class NodeDown(NetworkError):
    """A node was asked to act, or to show its state, and is not running."""


class TraceError(P2PKitError):
    """A trace was asked for what was not recorded, or its file cannot be read."""


class CheckFailed(P2PKitError, AssertionError):
    """A check found what must not be.

    time: seconds since the start. node: a name. seed: of the network, or of the story in a hunt.
    Each is None where it is not known, or where it is not a matter of one.
    """

    def __init__(
        self,
        sentence: str,
        *,
        time: float | None = None,
        node: str | None = None,
        seed: int | None = None,
    ) -> None:
        super().__init__(sentence)
        self.time, self.node, self.seed = time, node, seed


class StrangerError(P2PKitError):
    """What somebody else's bytes did wrong. Recorded, never raised in a student's code."""

    def __init__(self, sentence: str) -> None:
        super().__init__(harmless(sentence))  # it may quote those bytes


class FrameError(StrangerError):
    """The bytes are not frames. The connection they came on is closed."""


class HelloError(StrangerError):
    """The other side is not whom we want to talk to. The connection is closed."""


class NotUnderstood(StrangerError):
    """The frame does not hold a message that we know. The message is dropped."""
