"""Attention: where each output item looks, as weights over the memory that sum to 1.

Read `layers.py` first: the four kinds, each a module that the decoder is given. `additive.py`
computes the scores of the additive kind without storing every pair. On a CPU it does so by the
loops of `models/kernels/additive.c`.
"""
