"""Probes: why a trained model answers as it does.

Read `worker.py` first: it takes a checkpoint to the rows of the finer tables. The measures are
apart: `errors.py` takes answers apart, `attention.py` compares weights with the true alignment and
changes them, `influence.py` measures how much each source item moves each output item, and
`state.py` trains readers of the frozen state.
"""
