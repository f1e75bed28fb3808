"""The crews of a network: who they are, and which node is in which.

One crew lives in this process, or k of them in workers. Either way they are asked alike, and here
is where it is known that a worker may die.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from p2pkit import descriptors
from p2pkit.crew import Crew, Edge, Plan, Report
from p2pkit.errors import NetworkError, NodeDown
from p2pkit.host import Watch
from p2pkit.merging import Merger
from p2pkit.protocol import Protocol
from p2pkit.storage import DiskDrawer
from p2pkit.thread import LoopThread
from p2pkit.trace import Event, Trace

if TYPE_CHECKING:
    import networkx as nx

    from p2pkit.worker import Worker


class Crews:
    """All crews of a network. Its coroutines run on the loop's thread.

    processes: how many workers; None for one crew in this process. report: is called with
    ("failed", name, error) when a node's own code has raised, with ("lost", names, how) when a worker has
    ended, and with ("crashed inside", error) when our own code in a worker has raised.
    """

    def __init__(
        self,
        plan: Plan,
        thread: LoopThread,
        trace: Trace,
        disks: DiskDrawer,
        *,
        processes: int | None,
        report: Report,
    ) -> None:
        self.processes = processes
        self._ranks: dict[str, int] = {}  # the order of the nodes in the graph, and as they join
        self._merger = Merger(trace, self._ranks)
        self._plan = plan
        self._thread = thread
        self._trace = trace
        self._disks = disks
        self._report = report
        self._all: list[Crew | Worker] = []
        self._places: dict[str, int] = {}  # where in that list the crew of a node is
        self._tasks: set[asyncio.Task[Any]] = set()

    # Coming and going

    async def begin(self, names: Iterable[str]) -> None:
        """Make the crews, and give each its share of the nodes, in turn."""
        names = list(names)
        if self.processes is None:
            reactor = self._thread.reactor
            self._all = [Crew(self._plan, reactor, self._trace, self._disks, self._report)]
        else:
            number = min(self.processes, max(1, len(names)))
            descriptors.check(number, number // 2)  # each has two pipes
            self._plan.data = str(self._disks.directory())
            workers = [self._worker(at) for at in range(number)]
            self._all = [*workers]
            for worker in workers:
                await worker.ready()
        for turn, name in enumerate(names):
            self._places[name] = turn % len(self._all)
            self._ranks[name] = turn

    async def settle(self, name: str) -> None:
        """Find a place for a node that comes, or comes back."""
        place = self._places.get(name)
        if place is None:
            nodes = Counter(self._places.values())
            place = self._places[name] = min(range(len(self._all)), key=lambda at: nodes[at])
            self._ranks[name] = len(self._ranks)
        if not self._all[place].alive:
            self._all[place] = worker = self._worker(place)
            await worker.ready()

    async def stop(self) -> list[NetworkError]:
        """Let all nodes say their last words, which nobody hears any more. Workers that are stuck in
        a handler are ended; return what is to be said of them."""
        return [*await self._ask_or_kill("hush"), *await self._ask_or_kill("stop")]

    async def _ask_or_kill(self, what: str) -> list[NetworkError]:
        crews = [crew for crew in self._all if crew.alive]
        answers = await asyncio.gather(*(crew.ask(what) for crew in crews), return_exceptions=True)
        errors = []
        for crew, answer in zip(crews, answers, strict=True):
            if isinstance(answer, NetworkError) and not isinstance(answer, NodeDown):
                crew.kill()
                errors.append(answer)
            elif isinstance(answer, BaseException) and not isinstance(answer, NodeDown):
                raise answer
        return errors

    async def end(self) -> None:
        """Let workers end in good order."""
        await asyncio.gather(*(crew.end() for crew in self._all if crew.alive))

    def kill(self) -> None:
        """End everything that has not ended; called when the loop has ended."""
        for crew in self._all:
            crew.kill()

    # Asking

    async def ask(self, name: str, what: str, *args: Any) -> Any:
        """Ask the crew of a node for something. Raises NodeDown if its process has ended."""
        return await self._all[self._places[name]].ask(what, *args)

    async def ask_all(self, what: str, *args: Any) -> list[Any]:
        """Ask all crews for something at the same time; those that have died are left out."""
        questions = [crew.ask(what, *args) for crew in self._all if crew.alive]
        answers = await asyncio.gather(*questions, return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException) and not isinstance(answer, NodeDown):
                raise answer
        return [answer for answer in answers if not isinstance(answer, NodeDown)]

    async def all_of(self, what: str) -> dict[str, Any]:
        """Ask all crews for something about each node."""
        return {name: about for part in await self.ask_all(what) for name, about in part.items()}

    async def watch_with(self, watch: Watch) -> None:
        """Let all nodes, and those to come, record what another function says of them."""
        self._plan.watch = watch
        await self.ask_all("watch_with", watch)

    async def make_room(self, graph: "nx.Graph[str]") -> None:
        """Make sure that the connections of a graph can be had. Raises NetworkError if not."""
        shares: dict[int, list[int]] = {}
        for name, place in self._places.items():
            shares.setdefault(place, []).append(graph.degree(name))
        for place, degrees in shares.items():  # two ends in a process cost as much as one link
            await self._all[place].ask("make_room", len(degrees), (sum(degrees) + 1) // 2)

    async def dial(self, edges: list[Edge]) -> list[str]:
        """Let nodes dial others; return for each dial why it failed, or ""."""
        shares: dict[int, list[Edge]] = {}
        for edge in edges:
            shares.setdefault(self._places[edge[0]], []).append(edge)
        answers: dict[Edge, str] = {}
        for part in await asyncio.gather(*(self._dial(*share) for share in shares.items())):
            answers |= part
        return [answers[edge] for edge in edges]

    def look(self, name: str) -> Protocol:
        """Return a node of this process as it was when its network closed."""
        crew = self._all[self._places[name]]
        assert isinstance(crew, Crew)
        return crew.look([name])[name]

    def pids(self) -> dict[str, int]:
        """Return the process that each node lives in."""
        return {name: self._all[place].pid for name, place in self._places.items()}

    # The trace

    def note_crash(self, time: float, name: str, how: str) -> None:
        """Record that a node is down which could not do so itself."""
        self._merger.put([Event(time, "crash", name, reason=how)], {})

    async def collect(self) -> None:
        """Bring the trace up to date with all processes."""
        now = self._thread.reactor.time
        await self.ask_all("ship")  # which they do before they answer
        self._merger.settle(now)

    # The rest is how

    async def _dial(self, place: int, edges: list[Edge]) -> dict[Edge, str]:
        try:
            answers = await self._all[place].ask("dial", edges)
        except NodeDown as error:
            answers = [str(error)] * len(edges)
        return dict(zip(edges, answers, strict=True))

    def _worker(self, number: int) -> "Worker":
        from p2pkit.worker import Worker  # loads packages that one process alone does not need

        return Worker(number, self._plan, self._thread, self._told)

    def _told(self, kind: str, *what: Any) -> None:
        """Take what a worker says by itself."""
        if kind == "shipped":
            self._merger.put(*what)
            if self._plan.most != 0 and self._merger.is_full:
                self._plan.most = 0
                self._soon(self.ask_all("count_only"))
        elif kind == "died":
            (worker,) = what
            place = self._all.index(worker)
            names = {name for name, at in self._places.items() if at == place}
            self._report("lost", names, worker.obituary())
        else:
            self._report(kind, *what)

    def _soon(self, coroutine: Any) -> None:
        task = self._thread.loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
