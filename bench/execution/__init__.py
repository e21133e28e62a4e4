"""How a plan is carried out: one child process for each model run, on this machine or on Dask.

Read `runner` first: it submits what is left of a plan, and tries again what was killed. `engine`
runs the children here, `dask_engine` on the workers of Dask. `worker_main` is the first code of a
child. `progress` has the bar and the log, `provenance` says with what a number was made.
"""
