"""The program: `python -m p2pkit`, and `p2pkit` where it is installed."""

import signal
import sys


def main() -> None:
    """Run the command that was typed, and exit with its code."""
    try:
        code = _run()
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # too late: there is nothing left to end
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)


def _run() -> int:
    for stream in (sys.stdout, sys.stderr):
        # A Windows console, or a pipe, may know fewer letters than a rumor has.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        import typer  # noqa: F401
    except ImportError:
        sys.stderr.write('The command line needs one more package: pip install "p2pkit[cli]"\n')
        return 2
    from p2pkit import cli, terminal

    terminal.end_in_any_case()
    return cli.run()


if __name__ == "__main__":
    main()
