"""The commands: `run.py` trains and evaluates, `throughput.py` times, `probe.py` looks inside.

`compare.py` compares two results folders, `merge.py` makes one of several. Read `run.py` first: it
goes from the options (`cli/`) to the plan (`plan/`), to child processes (`execution/`) that train
(`training/`). `probes/` and `timing/` are what the commands of their names run in children.
"""
