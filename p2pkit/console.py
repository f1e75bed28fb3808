"""The console: a person acts on a running network, line by line.

    > tell n0 Rumor "hello world"
    n0 was told Rumor(text='hello world')
    > crash n3
    n3 is down
    > list
    node  state  peers  attributes
    n0    up     4      heard={Rumor(text='hello world')}
    …

A `Console` turns a line into an answer, and knows neither a terminal nor a thread; launch.py reads
lines and prints answers. What a person does wrong is answered with a sentence.
"""

import inspect
import shlex
from collections import Counter
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

from p2pkit import arguments, tables, terminal
from p2pkit.errors import P2PKitError
from p2pkit.local import LocalNetwork
from p2pkit.terminal import printable, short, table

WIDE = 100
"""Characters of a node's attributes in a list; `show` has them all."""

Command = Callable[..., str]


class Console:
    """What a person can do to a network: each method `do_…` is a command, its docstring the help."""

    def __init__(self, net: LocalNetwork) -> None:
        self.net = net
        self.is_over = False  # the person has had enough
        self._commands: dict[str, Command] = {
            name.removeprefix("do_"): getattr(self, name)
            for name in vars(Console)
            if name.startswith("do_")
        }

    def execute(self, line: str) -> str:
        """Do what a line says, and return the answer, or what is wrong with the line."""
        try:
            words = shlex.split(line, comments=True)
            return self._run(*words) if words else ""
        except Exception as error:
            # Whatever it is, the network is still there, and so is the person.
            if terminal.concerns_student(error):
                return terminal.explain(error)
            if isinstance(error, P2PKitError | ValueError | OSError):
                return str(error)
            return f"{type(error).__name__}: {error}"

    def complete(self, begun: str, before: str) -> list[str]:
        """Return the words that may follow `before` and begin with `begun`."""
        words = before.split()
        if not words:
            choice = list(self._commands)
        elif words[0] == "tell" and len(words) == 2 and words[1] in self.net.graph:
            choice = list(self._spoken(words[1]).handlers)
        else:
            choice = self.net.names
        return [word for word in choice if word.startswith(begun)]

    def _run(self, name: str, *args: str) -> str:
        command = self._commands.get(name)
        if command is None:
            near = get_close_matches(name, self._commands, n=1)
            hint = f"did you mean {near[0]}?" if near else "help lists them"
            raise P2PKitError(f"there is no command {name}: {hint}")
        try:
            inspect.signature(command).bind(*args)
        except TypeError:
            usage = _usage(command)
            raise P2PKitError(f"write it so: {usage}") from None
        return command(*args)

    # Acting

    def do_tell(self, node: str, message: str, *fields: str) -> str:
        """NODE MESSAGE FIELDS…: give a node a message, as in  tell n0 Rumor hello"""
        made = arguments.message(self._spoken(node), [message, *fields])
        self.net.tell(node, made)
        return f"{node} was told {short(made, WIDE)}"

    def do_call(self, node: str, method: str, *args: str) -> str:
        """NODE METHOD ARGS…: call a method of a node, as in  call n0 put "key" 42"""
        return short(repr(self.net.call(node, method, *map(arguments.literal, args))), 10 * WIDE)

    def do_connect(self, node: str, address: str) -> str:
        """NODE HOST:PORT: connect a node to an address, here or elsewhere"""
        why = self.net.dial(node, address)
        return f"{node} cannot connect to {address}: {why}" if why else f"{node} is connected"

    # Looking

    def do_list(self, *attributes: str) -> str:
        """ATTRIBUTES…: all nodes, with these attributes, or with the beginning of all"""
        nodes = {node.id: node for node in self.net}
        for name in attributes:
            tables.check_column(name, nodes)
        rows = []
        for node in nodes.values():
            state = self._state(node.id)
            cells = [short(repr(getattr(node, name, None)), WIDE) for name in attributes]
            about = [node.id, state, 0 if state == "down" else len(node.peers)]
            rows.append([*about, *(cells or [_attributes(node)])])
        return table(["node", "state", "peers", *(attributes or ["attributes"])], rows)

    def do_show(self, node: str) -> str:
        """NODE: everything about one node"""
        seen = self.net[node]
        about = [["state", self._state(seen.id)], ["address", seen.contact.address]]
        about += [["peer", f"{peer}  {address}"] for peer, address in seen.peers.items()]
        own = [[name, short(repr(value), 10 * WIDE)] for name, value in _own(seen).items()]
        return table([seen.id, type(seen).__name__], about + own)

    def do_trace(self) -> str:
        """: how many events of each kind there were, and why messages were dropped"""
        kinds: Counter[tuple[str, str]] = Counter()
        for (kind, message, reason, _), number in self.net.trace.counts().items():
            kinds[kind, ", ".join(filter(None, (message, reason)))] += number
        rows = [[number, kind, printable(what)] for (kind, what), number in kinds.most_common()]
        return table(["events", "kind", "message, reason"], rows)

    # Trouble

    def do_crash(self, node: str) -> str:
        """NODE: stop a node at once; it loses all but its disk"""
        self.net.crash(node)
        return self._down(node)

    def do_restart(self, node: str) -> str:
        """NODE: start a node again that is down"""
        self.net.restart(node)
        return f"{node} is up"

    def do_pause(self, node: str) -> str:
        """NODE: freeze a node; its peers give it up after 5 s"""
        self.net.pause(node)
        return f"{node} is paused"

    def do_resume(self, node: str) -> str:
        """NODE: let a paused node go on"""
        self.net.resume(node)
        return f"{node} goes on"

    def do_leave(self, node: str) -> str:
        """NODE: let a node go in good order"""
        self.net.leave(node)
        return self._down(node)

    def do_join(self, node: str, *to: str) -> str:
        """NODE NODES…: start a new node, connected to others, as in  join n9 n0 n1"""
        self.net.join(node, to)
        return f"{node} is up"

    def do_partition(self, group: str, *others: str) -> str:
        """NODES NODES…: let nothing pass between groups, as in  partition n0,n1 n2,n3"""
        self.net.partition(*(names.strip(",").split(",") for names in (group, *others)))
        return "nothing passes between these groups; all those not named are one more"

    def do_cut(self, a: str, b: str) -> str:
        """NODE NODE: let nothing pass between two nodes"""
        self.net.cut(a, b)
        return f"nothing passes between {a} and {b}"

    def do_heal(self) -> str:
        """: undo cuts and partitions"""
        self.net.heal()
        return "the network is whole"

    # The rest

    def do_wait(self, seconds: str) -> str:
        """SECONDS: let time pass before the next line, for lines that come from a file"""
        try:
            self.net.run(float(seconds))
        except ValueError:
            raise P2PKitError(f"wait takes seconds, as in  wait 0.5, not {seconds!r}") from None
        return ""

    def do_help(self) -> str:
        """: this list"""
        return table(
            ["command", "", ""], [[name, *_described(it)] for name, it in self._commands.items()]
        )

    def do_quit(self) -> str:
        """: end the network"""
        self.is_over = True
        return ""

    def _spoken(self, node: str) -> Any:
        return self.net.roles.get(self.net.name(node), self.net.protocol)

    def _state(self, name: str) -> str:
        if not self.net.is_up(name):
            return "down"
        return "paused" if self.net.is_paused(name) else "up"

    def _down(self, node: str) -> str:
        return f"{node} is down"


def _own(node: Any) -> dict[str, Any]:
    """Return what a protocol keeps in its attributes."""
    return {name: value for name, value in vars(node).items() if not name.startswith("_")}


def _attributes(node: Any) -> str:
    return short(" ".join(f"{name}={value!r}" for name, value in _own(node).items()), WIDE)


def _described(command: Command) -> tuple[str, str]:
    usage, _, what = (command.__doc__ or "").partition(": ")
    return usage, what


def _usage(command: Command) -> str:
    return f"{command.__name__.removeprefix('do_')} {_described(command)[0]}".strip()
