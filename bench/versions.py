"""Versions that are part of an id. Imports no torch.

Raise one by one whenever a change to what it names changes the numbers; stored results of the
older version then no longer count as done.
"""

RECIPE_VERSION = 1  # bench/train.py, bench/recipe.py, bench/protocols.py, bench/seeding.py
EVALUATOR_VERSION = 1  # bench/evaluate.py
