"""Training and evaluation of one model run; child processes run this code.

Read `model_run.py` first: it takes a run through its stages. Each stage is trained by `train.py`,
kept by `checkpoints.py` and scored by `evaluate.py`. `seeding.py` names every random stream and
builds models; `failures.py` puts what stops them into words.
"""
