"""Figures, tables and examples, rebuilt from the CSVs alone; nothing here imports torch."""
