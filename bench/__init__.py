"""The commands: `run.py` trains and evaluates, `throughput.py` times, `probe.py` looks inside.

`compare.py` compares two results folders, `merge.py` makes one of several. Read `run.py` first: it
goes from the options (`cli/`) to the plan (`plan/`), to child processes (`execution/`) that train
(`training/`). `probes/` and `timing/` are what the commands of their names run in children.
"""

import sys
from importlib import import_module
from pathlib import Path

# All packages of the suite come from one place, whatever is in the folder of the command.
_suite = str(Path(__file__).parents[1])
sys.path.insert(0, _suite)
for _name in ("tasks", "models", "results"):
    if Path(import_module(_name).__file__ or "").parents[1] != Path(_suite):
        raise ImportError(f"another package named {_name!r} was imported before that of the suite")
sys.path.remove(_suite)
