"""Checks: what must hold in a network, or in a trace, and where and when it did not.

    from p2pkit import check

    check.always(net, each=lambda node: node.balance >= 0)                 # while the network runs
    check.eventually(net, lambda net: net["n5"].tip == net["n0"].tip, within=5)       # runs it
    check.agreement(net, "chain")                                          # now
    check.coverage(net, Rumor("hello"), at_least=0.99)                     # up to now

These four take a network of any world, or a trace. Where they need the state of nodes, a trace must
have been recorded with `watch=`. And about whole runs:

    check.hunt(story, 1000)                # the first seed with which story(seed) fails
    check.hash_seeds(story)                # whether story() depends on the order of a set
    check.compare(real.trace, simulated.trace)     # the first difference of two traces, or None

What fails raises CheckFailed, which is an AssertionError. It says what broke, in the words of the
condition, when, at which node, after which event, and gives the line that repeats it:

    not always true at n4, 0.070 s after the start: node.balance >= 0
      node.balance is -3
      after   0.070 s  n4 is told Order(to='n1', amount=13)
      again   SimNetwork(Bank, …, seed=7)
"""

from p2pkit.check.compare import Difference, compare
from p2pkit.check.expectations import agreement, coverage, eventually
from p2pkit.check.hashes import hash_seeds
from p2pkit.check.hunt import hunt
from p2pkit.check.invariants import Always, always
from p2pkit.errors import CheckFailed

__all__ = [
    "Always",
    "CheckFailed",
    "Difference",
    "agreement",
    "always",
    "compare",
    "coverage",
    "eventually",
    "hash_seeds",
    "hunt",
]
