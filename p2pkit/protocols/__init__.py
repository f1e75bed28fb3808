"""Protocols to read and to use, each a screen long: run one with `python -m p2pkit launch
p2pkit.protocols.flood:Flood`."""
