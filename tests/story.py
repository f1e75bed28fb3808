"""A story that is told in virtual time, where there are no sockets, no threads and no asyncio.

`test_pyodide.py` runs this file as a program, here and in WebAssembly. It prints one line of JSON:
what happened, and where.
"""

import json
import sys
import threading

import networkx as nx  # which guards one of its decorators with a lock of threading's

HIDDEN = {
    name: sys.modules.get(name)
    for name in (
        *("_socket", "socket", "socketserver", "ssl", "select", "selectors", "_asyncio", "asyncio"),
        *("_thread", "threading", "multiprocessing", "subprocess", "concurrent", "queue"),
    )
}
BEFORE = set(sys.modules)
if __name__ == "__main__":  # not where pytest looks for doctests
    sys.modules.update(dict.fromkeys(HIDDEN))  # whoever imports one of them gets an ImportError

from p2pkit import Contact, Link, Message, Protocol, SimNetwork, on  # noqa: E402

NEWS = 5


class Rumor(Message):
    """Of all types that depend on how a computer keeps numbers."""

    number: int
    weight: float
    text: str
    marks: frozenset[int] = frozenset()
    origin: Contact | None = None


class Pull(Message):
    """Asks for news."""

    known: tuple[int, ...]


class Gossip(Protocol):
    """Pushes news once, and pulls what it has missed; what it knows survives a crash."""

    def on_start(self):
        self.known = {int(key): rumor for key, rumor in self.disk.items()}
        self.every(0.5, self.pull, jitter=0.1)

    def say(self, number):
        """Say something new."""
        marks = frozenset(self.random.randrange(2**40) for _ in range(5))
        text = "".join(self.random.choices("añ漢🙂", k=20))
        self.hear(Rumor(number, self.random.gauss(0, 1), text, marks, self.contact), None)

    @on(Rumor)
    def hear(self, rumor, sender):
        if rumor.number in self.known:
            return
        self.known[rumor.number] = self.disk[str(rumor.number)] = rumor
        for peer in self.sample(2):
            self.send(peer, rumor)

    def pull(self):
        """Ask somebody."""
        for peer in self.sample(1):
            self.ask(peer, Pull(tuple(sorted(self.known))), self.pulled, timeout=0.3)

    @on(Pull)
    def answer(self, pull, sender):
        new = sorted(set(self.known) - set(pull.known))
        return self.known[new[0]] if new else Pull(())

    def pulled(self, answer):
        """Take an answer, or none."""
        if isinstance(answer, Rumor):
            self.hear(answer, None)


def tell():
    """Return what happened: how often, and in which order."""
    # A graph whose edges come in an order that has nothing to do with hashes.
    graph = nx.circulant_graph(60, [1, 7, 20])
    link = Link(latency=(0.01, 0.1), bandwidth=1e5, loss=0.05, duplicate=0.02, ordered=False)
    with SimNetwork(Gossip, graph, link=link, seed=7) as net:
        for number in range(NEWS):
            net.after(0.3 * number, net.call, number, "say", number)
        net.after(1.0, net.crash, 30)
        net.after(1.5, net.partition, range(20))
        net.after(2.0, net.restart, 30)
        net.after(2.5, net.pause, 40)
        net.after(9.0, net.resume, 40)
        net.after(10.0, net.heal)
        net.churn(session=20.0, downtime=1.0, nodes=range(50, 60))
        net.run(20.0)
        kinds = sorted({kind for kind, _, _, _ in net.trace.counts()})
        return {
            "informed": sum(len(node.known) == NEWS for node in net),
            "counts": {kind: net.trace.count(kind=kind) for kind in kinds},
            "digest": net.trace.digest(),
        }


def can_start_a_thread():
    """Tell whether there are threads."""
    try:
        threading.Thread(target=int).start()
    except RuntimeError:
        return False
    return True


def main():
    """Tell the story, and print what happened."""
    story = tell()
    modules = [name for name in set(sys.modules) - BEFORE if name.startswith("p2pkit.")]
    place = {"platform": sys.platform, "bits": sys.maxsize.bit_length() + 1}
    for name, module in HIDDEN.items():  # Python itself needs some of them, when it ends
        del sys.modules[name]
        if module:
            sys.modules[name] = module
    place["threads"] = can_start_a_thread()
    sys.stdout.write(json.dumps({"story": story, "modules": sorted(modules), **place}) + "\n")


if __name__ == "__main__":
    main()
