"""What a run leaves behind: row schemas, the store of records, the CSVs and their summaries.

Nothing here imports torch. Only `results.tables` and `results.stats.over_seeds` load pandas and
scipy.
"""
