"""How figures look, whatever they show: tables in, panels out; nothing selects or edits data.

Read `style` first: the look of every model and baseline. `frame` lays out panels, title, legend
and caption. `curves` draws the panel that all curves share, `heatmap` the panel of all maps.
seaborn draws both.
"""

import contextlib
import importlib.util
import os
from pathlib import Path

# Matplotlib looks for its settings once, at its import: in $MPLBACKEND, and in the current folder
# before all others. A backend that is not installed, as a notebook names one, or a damaged
# matplotlibrc would end the import. Figures have all their settings from `drawing/style.py`.
_asked_for = os.environ.get("MPLBACKEND")
os.environ["MPLBACKEND"] = "agg"
if (_found := importlib.util.find_spec("matplotlib")) is not None and _found.origin is not None:
    with contextlib.chdir(Path(_found.origin).parent / "mpl-data"):
        importlib.import_module("matplotlib")
del os.environ["MPLBACKEND"]
if _asked_for is not None:  # By the caller, whose own children may draw.
    os.environ["MPLBACKEND"] = _asked_for
