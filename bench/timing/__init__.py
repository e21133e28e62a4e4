"""Timing: seconds, operations and memory of each phase of a model.

Read `measure.py` first: it has the calls that are timed, and times cases in turns beside a
reference product. `cases.py` says what is measured, without torch. `peak_memory.py` runs one call
in a fork to read its memory.
"""
