"""The command line: every command, and what its --help teaches.

    python -m p2pkit demo
    python -m p2pkit launch gossip.py:Gossip --nodes 20 --console
    python -m p2pkit node gossip.py:Gossip --name alice --connect 127.0.0.1:8001

What a command does is elsewhere (demo.py, launch.py, doctor.py); what was typed is read by
arguments.py, and what goes wrong is said by terminal.py. This file is the only one that knows
typer.
"""

import secrets
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

import p2pkit
from p2pkit import arguments, doctor, launch, terminal
from p2pkit.address import join
from p2pkit.topology import TOPOLOGIES, load


class Commands(TyperGroup):
    """The commands, with one way to say what went wrong, whatever went wrong."""

    def main(self, *args: Any, **options: Any) -> Any:
        """Run a command, and exit with its code: 0, 1, 2 for what was typed, 130 for Ctrl-C."""
        try:
            with terminal.hints_as_sentences():
                code = super().main(*args, **(options | {"standalone_mode": False}))
        except (KeyboardInterrupt, typer.Abort):
            code = terminal.INTERRUPTED
        except Exception as error:
            if not hasattr(error, "format_message"):  # else it is typer's: the words are wrong
                code = terminal.complain(error)
            else:
                terminal.say_error(f"{error.format_message()} (--help says more)")
                code = 2
        sys.exit(code or 0)


app = typer.Typer(cls=Commands, rich_markup_mode="rich", add_completion=False)


def run() -> int:
    """Run what was typed, and return the exit code."""
    try:
        get_command(app).main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    return 0


@app.callback(invoke_without_command=True)
def about(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Say which version this is.")] = False,
) -> None:
    """Write what a peer-to-peer node does, once; run it on real sockets, watch it, break it.

    Begin with:  python -m p2pkit demo
    """
    if version:
        typer.echo(f"p2pkit {p2pkit.__version__}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


Processes = Annotated[
    int,
    typer.Option(
        min=0, help="Worker processes that the nodes are spread over; 0 is this process alone."
    ),
]


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Where the picture goes: .png, .svg or .pdf.")] = Path(
        "p2pkit-demo.png"
    ),
    nodes: Annotated[int, typer.Option(min=8, max=500, help="How many nodes.")] = 40,
    seed: Annotated[int, typer.Option(help="Of all dice; another seed is another network.")] = 1,
    processes: Processes = 4,
    animate: Annotated[
        Path | None, typer.Option(help="Leave a film of it here, too: .gif or .mp4.")
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Watch it in the browser, and play it there again.")
    ] = False,
) -> None:
    """See forty real nodes gossip, crash, fall apart and heal, and get a picture of it.

    Leaves p2pkit-demo.png here: who heard the rumor when.

    Example:  python -m p2pkit demo --nodes 100 --seed 7

    and to see all of it, in the browser:  python -m p2pkit demo --live
    """
    from p2pkit import demo as it

    screen = terminal.screen()
    it.play(
        nodes,
        seed,
        out,
        lambda text, style: screen.print(text, style=style),
        processes=processes or None,
        animation=animate,
        live=live,
    )


# What several commands share

Class = Annotated[
    str,
    typer.Argument(
        metavar="MODULE:CLASS",
        help="The protocol: gossip:Gossip, gossip.py:Gossip, or p2pkit.protocols.flood:Flood.",
        show_default=False,
    ),
]
Settings = Annotated[
    list[str],
    typer.Option("--set", metavar="NAME=VALUE", help="A parameter of the class. May be repeated."),
]
Data = Annotated[
    Path | None,
    typer.Option(
        file_okay=False, help="A directory where the nodes' disks survive the end of the program."
    ),
]
WithConsole = Annotated[
    bool, typer.Option("--console", help="Type commands while it runs; help lists them.")
]


Live = Annotated[
    bool, typer.Option("--live", help="Watch it in the browser, and click on nodes to crash them.")
]


@app.command("launch")
def launch_(
    what: Class,
    nodes: Annotated[
        int, typer.Option(min=1, help="How many nodes; a FILE says that itself.")
    ] = 10,
    topology: Annotated[
        str,
        typer.Option(metavar="NAME|FILE", help=f"{', '.join(TOPOLOGIES)}, or a file of edges."),
    ] = "small-world",
    settings: Settings = [],  # noqa: B006  # typer makes a list of its own for each run
    link: Annotated[
        str,
        typer.Option(
            metavar="FIELDS",
            help="How messages travel: latency (seconds, a number or LOW..HIGH), bandwidth (bytes a "
            "second), loss and duplicate (shares from 0 to 1), ordered (True or False).",
        ),
    ] = "",
    seed: Annotated[int, typer.Option(help="Of the topology and all dice.")] = 0,
    seconds: Annotated[
        float | None,
        typer.Option(min=0, help="How long it runs; else until the console, or Ctrl-C, ends it."),
    ] = None,
    trace: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Save all events here, as JSON lines.")
    ] = None,
    data: Data = None,
    processes: Processes = 0,
    console: WithConsole = False,
    live: Live = False,
    role: Annotated[
        list[str],
        typer.Option(
            "--roles",
            metavar="NODE=MODULE:CLASS",
            help="Another protocol for one node. May be repeated. --set is for its class as well, "
            "if that is derived from CLASS.",
        ),
    ] = [],  # noqa: B006
) -> None:
    """Run a protocol on many real nodes on this machine, and sum up what happened.

    Example:  python -m p2pkit launch p2pkit.protocols.gossip:Gossip --console

    and there:  tell n0 Rumor hello

    With a file of your own, and more:

    python -m p2pkit launch gossip.py:Gossip --nodes 20 --topology ring

    --set fanout=4 --link latency=0.01..0.1,loss=0.05 --seconds 5

    --trace out.jsonl --roles n7=gossip.py:Selfish
    """
    base = arguments.protocol(what)
    launch.run_network(
        arguments.variant(base, settings),
        load(topology, nodes, seed),
        link=arguments.link(link),
        seed=seed,
        roles=arguments.roles(role, base, settings),
        data=data,
        processes=processes or None,
        seconds=seconds,
        with_console=console,
        trace=trace,
        live=live,
    )


@app.command()
def node(
    what: Class,
    name: Annotated[
        str, typer.Option(help="Of this node; no two may be alike. Without it, a random one.")
    ] = "",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="To listen on; 0 is any free one.")
    ] = 0,
    connect: Annotated[
        list[str],
        typer.Option(metavar="HOST:PORT", help="Another node to connect to. May be repeated."),
    ] = [],  # noqa: B006
    host: Annotated[
        str,
        typer.Option(
            help="Where to listen. 127.0.0.1 is for this machine only. 0.0.0.0 is for everyone who "
            "reaches this machine: anyone there can connect under any name and say anything, as ids "
            "are claimed and not proven. Use it among people you know.",
        ),
    ] = "127.0.0.1",
    network: Annotated[str, typer.Option(help="Nodes of other networks are refused.")] = "p2pkit",
    remote: Annotated[
        bool,
        typer.Option(
            "--remote", help="Let the protocol dial other machines, whose addresses it was told."
        ),
    ] = False,
    settings: Settings = [],  # noqa: B006
    data: Data = None,
    console: WithConsole = False,
) -> None:
    """Run one node, in as many terminals or on as many laptops as you like.

    Examples, in two terminals:

    python -m p2pkit node gossip.py:Gossip --name a --port 8001 --console

    python -m p2pkit node gossip.py:Gossip --name b --connect 127.0.0.1:8001

    and in the first:  tell a Rumor hello
    """
    other = "" if network == "p2pkit" else f" --network {network}"
    launch.run_node(
        arguments.variant(arguments.protocol(what), settings),
        name or f"node-{secrets.token_hex(2)}",
        address=join(host, port),
        connect=connect,
        invitation=f"python -m p2pkit node {what}{other} --connect",
        network=network,
        remote=remote,
        data=data,
        with_console=console,
    )


@app.command("doctor")
def doctor_() -> None:
    """Say what is missing on this machine, and how to get it.

    The exit code is 1 if something is missing that p2pkit cannot do without.
    """
    doctor.report()
