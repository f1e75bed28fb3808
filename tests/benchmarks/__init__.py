"""How fast p2pkit is, next to its ancestor and to what one would write by hand.

    python -m tests.benchmarks                      everything, some ten minutes on an idle machine
    python -m tests.benchmarks --quick              the same in two minutes, with less certainty
    python -m tests.benchmarks --only throughput    one workload (or one peer; may be repeated)
    python -m tests.benchmarks --json out.json      also keep every single measurement
    python -m tests.benchmarks --profile            where the time of a simulation goes
    python -m tests.benchmarks --scale DIRECTORY    how it grows, up to 100,000 nodes, with a plot

Nothing here is judged by its absolute time: all peers take turns in one run, so that whatever
else the machine does hits all of them alike, and what counts is the ratio between them, round by
round.

Read `workloads.py` first (what is measured), then `peer_asyncio.py` (one peer; the others do the
same), `harness.py` (taking turns) and `report.py` (the aims and the table). Whole networks are in
`many_nodes.py` and `flooding.py`, those in virtual time in `simulated.py`.
"""
