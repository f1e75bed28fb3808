"""The hunt: tell a story with one seed after the other, until it fails.

    def story(seed):
        with SimNetwork(Bank, 10, link=Link(latency=(0.01, 0.1)), seed=seed) as net:
            with check.always(net, lambda net: sum(node.coins for node in net) == 100):
                net.tell("n0", Pay("n3", 10))
                net.run(5)

    check.hunt(story, 1000)

A protocol that is right a hundred times may be wrong the next time, when two messages arrive in
the other order. With a link whose latency varies, every seed is another order.
"""

from collections.abc import Callable, Iterable

from p2pkit.check.words import report
from p2pkit.errors import CheckFailed, counted
from p2pkit.progress import Progress

__tracebackhide__ = True  # pytest then ends its traceback at the line of the test


def hunt(story: Callable[..., object], seeds: int | Iterable[int] = 100) -> int:
    """Call story(seed=…) with each seed, and stop at the first failure; return how many went well.

    seeds: how many, from 0, or which. The story makes its own network, with that seed. A failure is
    any exception, of a check or of a protocol. It is raised as a CheckFailed that has the seed, and
    the line that repeats it; its cause is the exception itself.
    """
    seeds = list(range(seeds) if isinstance(seeds, int) else seeds)
    with Progress(len(seeds), "seeds") as progress:
        for number, seed in enumerate(seeds):
            try:
                story(seed=seed)
            except Exception as error:
                raise _found(story, seed, number, error) from error
            progress.step()
    return len(seeds)


def _found(story: Callable[..., object], seed: int, number: int, error: Exception) -> CheckFailed:
    name = getattr(story, "__name__", "story")
    kind = "" if isinstance(error, CheckFailed) else f"{type(error).__name__}: "
    said = "\n".join([f"{kind}{error}", *getattr(error, "__notes__", ())])
    text = report(
        f"seed {seed} fails, after {counted(number, 'seed')} that went well",
        said.splitlines(),
        again=[f"{'story' if name == '<lambda>' else name}(seed={seed})"],
    )
    return CheckFailed(
        text, time=getattr(error, "time", None), node=getattr(error, "node", None), seed=seed
    )
