"""One module per family of figures: rows to a table, the table to a figure, by two functions.

Read `accuracy` first. `throughput` draws the rates of throughput.csv, `channel` the bits through
a channel, and `probes` and `maps` what bench.probe found.
"""

import reports.drawing  # noqa: F401  # It imports Matplotlib as it has to be.
