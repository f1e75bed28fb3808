"""Published figures, met again: what papers print, beside what this code measures.

    python -m tests.reproduce                        everything, with full runs, and a table of it
    python -m tests.reproduce demers spread-push     only what is called so, or begins so
    python -m tests.reproduce --reduced              as the tests do it, in a minute or two

Read `harness.py` first: what a row is, and when it is met. Each other module is a topic, and finds
itself registered by being here.
"""
