"""A fuzzer that looks for bytes that hurt: it changes them towards code that none have reached yet.

    pip install atheris                      # a library for Linux and macOS, with Python up to 3.13
    python -m tests.fuzz -max_total_time=60

Options are libFuzzer's; a directory keeps the inputs that reached something new. The rules that
must hold for any bytes at all are functions in `rules.py`. The tests call them, too, with what
hypothesis makes up.
"""
