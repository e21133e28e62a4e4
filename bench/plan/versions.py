"""Versions that are part of an id. Imports no torch.

Raise one by one whenever a change to what it names changes the numbers; stored results of the
older version then no longer count as done.
"""

RECIPE_VERSION = 2  # train, recipe, protocols, lengths (the ladder), seeding
EVALUATOR_VERSION = 1  # evaluate
PROBE_VERSION = 1  # findings, anatomy, alignment, influence; in no id
