"""What the commands of `bench` read from their options, and what they print about a plan.

`options.py` has what several commands share. Each of its readers is the `type=` of an option.
Read `run_options.py` first: it turns a command line of `bench.run` into a `Request`.
"""
