"""Causal models: one network reads the source, a start symbol and its own answers.

Read `model.py` first: the network, what a mixer has to offer, and how a layer of your own becomes
a model. `transformer.py`, `mamba2.py`, `gated_deltanet.py` and `minlstm.py` are mixers with their
builders, `state_space.py` what two of them share.
"""
