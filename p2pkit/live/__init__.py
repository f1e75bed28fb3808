"""The live view: one small JavaScript player, and its three homes.

Python lays the graph out and sends events, in batches, some ten times a second; the player, in
player/, animates them at the screen's rate. `plot.live` and `plot.save` are the way in. To read:

    looks.py        what a node looks like
    stage.py        who is where, in what state
    script.py       events as the player reads them
    feed.py         what one viewer is told
    control.py      what a viewer may do
    bundle.py       the player's files as one module
    widget.py       its first home: a notebook
    page.py         its second: a page on this machine (document.py: the HTML around it)
    replay.py       its third: a file
"""
