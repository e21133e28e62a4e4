"""What a run leaves: row types, the store of records, the CSVs, statistics and claims.

Read `tables.py` first: it reads a folder's CSVs into pandas. `schema/` says what a row is, `store/`
writes records and CSVs, `stats/` summarises over seeds, `claims/` judges the five sentences.
`command_line.py` is what all commands share. Nothing here imports torch.
"""
