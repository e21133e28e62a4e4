"""The results folder: what a run leaves, so that a kill, a full disk or damage loses nothing.

Read `folder.py` first: a `Store` has a plan, immutable records, failures and the CSVs made of them.
`documents.py` keeps one checked file per record, `csv_files.py` the CSVs and their checksums,
`probes.py` what probes found, `merging.py` makes one folder of several. `files.py` replaces files
whole, and has the locks.
"""
