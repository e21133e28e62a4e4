"""What an experiment consists of, before anything runs.

Settings become model runs, a model run becomes stages, and a stage becomes records. Read `runs.py`
first: it has these four and their ids. `recipe.py` says how a model is trained, and `presets.py`
lists the experiments. `status.py`, `shards.py` and `cost.py` ask of a plan what is left, which
part to do and how long it takes.
"""
