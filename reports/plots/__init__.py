"""One module per family of figures: rows to a table, the table to a figure, by two functions.

Read `accuracy` first. `compute` has operations on its horizontal axis, `throughput` draws the
costs of throughput.csv, `probes` and `maps` what bench.probe found, and `capacity` what
`capacity_data` works out.
"""
