"""Reports from the CSVs alone: `figures.py`, `models.py`, `examples.py`, `claims.py`, `readme.py`.

Read `figures.py` first. It picks rows (`selection/`), and each module of `plots/` draws one family
of figures with the marks and axes of `drawing/`. `tables/` has the tables of the README, `page/`
writes report.html. Nothing here imports torch.
"""

import importlib
import sys
from pathlib import Path

# As in `bench`: whatever is in the folder of the command, `results` is that of the suite.
_suite = str(Path(__file__).parents[1])
sys.path.insert(0, _suite)
if Path(importlib.import_module("results").__file__ or "").parents[1] != Path(_suite):
    raise ImportError("another package named 'results' was imported before that of the suite")
sys.path.remove(_suite)
