"""How a plan is carried out: one child process for each model run, on this machine or on Dask.

Read `runner` first: it submits what is left of a plan and tries again what was killed. `engine` (or
`dask_engine`) decides where an order goes. `worker` keeps one child process, `worker_main` is the
first code of that child. `progress` has the bar and the log, `provenance` the columns that say with
what a number was made.
"""
