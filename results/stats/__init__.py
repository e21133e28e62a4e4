"""Statistics of the CSVs: tables in, tables out, nothing drawn, no torch.

Read `over_seeds` first: means, intervals and solved fractions over seeds. `threshold_length` finds
L50, `comparison` holds two folders against each other, `power_law` fits how costs grow. `intervals`
has the 95 % intervals that all of them use, and tests of means.
"""
