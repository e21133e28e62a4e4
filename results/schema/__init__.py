"""The rows of every CSV: their columns, units, meanings and rules.

Read `rows.py` first: it declares accuracy.csv, throughput.csv and samples.csv. `probe_rows.py`
declares the finer tables of probes. `columns.py` checks values, and turns rows into text and back.
"""
