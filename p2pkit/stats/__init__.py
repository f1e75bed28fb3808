"""Statistics: numbers that a trace, or an overlay, holds, without a picture.

    stats.cost(net.trace, Rumor).messages                    # what was sent
    stats.redundancy(net.trace, Rumor)                       # … beyond what was needed
    stats.coverage(net.trace, Rumor("hello"))                # who has it: 0 to 1
    stats.quantiles(stats.deliveries(net.trace, Rumor))      # how long that took: median, 90 %, 99 %
    stats.overlay(net.overlay()).clustering                  # what the overlay looks like

All worlds write the same trace, so all have the same statistics, as has a trace that was loaded
from a file. Where `message` is a parameter, it is one message, or a class of messages or its name.
Messages are one and the same when all their fields are: a rumor that counts its hops is another
one at each hop. Times are seconds since the network started, sizes are bytes, shares are 0 to 1;
what is undefined, such as the mean of nothing, is nan.

What can be had from numbers of events is had with record="counts", too; what needs the events
themselves raises TraceError then. On a trace that is full it tells of the events that were kept.
Tables are pandas DataFrames; all the rest does without pandas.

traffic.py      what was sent, what was dropped, how long the rest was on its way
spreading.py    who had a message when, and what it took to tell everybody
overlays.py     who is connected to whom
scoreboard.py   several ways to tell everybody, side by side
"""

from p2pkit.stats.overlays import Overlay as Overlay
from p2pkit.stats.overlays import degrees as degrees
from p2pkit.stats.overlays import overlay as overlay
from p2pkit.stats.overlays import overlay_at as overlay_at
from p2pkit.stats.overlays import overlay_over_time as overlay_over_time
from p2pkit.stats.scoreboard import scoreboard as scoreboard
from p2pkit.stats.spreading import Broadcast as Broadcast
from p2pkit.stats.spreading import arrivals as arrivals
from p2pkit.stats.spreading import broadcasts as broadcasts
from p2pkit.stats.spreading import coverage as coverage
from p2pkit.stats.spreading import coverage_over_time as coverage_over_time
from p2pkit.stats.spreading import deliveries as deliveries
from p2pkit.stats.spreading import redundancy as redundancy
from p2pkit.stats.spreading import started as started
from p2pkit.stats.traffic import Cost as Cost
from p2pkit.stats.traffic import cost as cost
from p2pkit.stats.traffic import drops as drops
from p2pkit.stats.traffic import latencies as latencies
from p2pkit.stats.traffic import quantiles as quantiles
