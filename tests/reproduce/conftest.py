"""Nothing in this folder is a test by itself: tests/test_reproduce.py runs it."""

collect_ignore_glob = ["*.py"]
