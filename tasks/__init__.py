"""Copy, reverse and sort: what a source is turned into, and what is known about it beforehand.

Read `transforms.py` first: a task is one pure function from tokens to tokens. `sampling.py` draws
sources, `baselines.py` has the scores that need no model, `task.py` lists what a task names.
Functions are named as text, so importing this package imports neither torch nor pandas. A package
of your own adds a `Task` by an entry point of the group `bottleneck_bench.tasks`.
"""

from tasks.import_path import load_plug_in
from tasks.task import Task

__all__ = ["ENTRY_POINT_GROUP", "SAMPLER_VERSION", "TASKS", "Task", "find_task"]

ENTRY_POINT_GROUP = "bottleneck_bench.tasks"
# The rule of tasks/sampling.py. It is part of every id, so that results of two rules never mix.
SAMPLER_VERSION = 1

TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        Task(
            name="copy",
            summary="the source as it is",
            default_symbols=16,
            version=1,
            has_dependent_items=False,
            transform="tasks.transforms:copy",
            alignment="tasks.transforms:copy_alignment",
            information="tasks.baselines:independent_bits",
            constant="tasks.baselines:independent_constant",
            repeat="tasks.baselines:independent_repeat",
            causal_ceiling="tasks.baselines:copy_ceiling",
        ),
        Task(
            name="reverse",
            summary="the source from its last item to its first",
            default_symbols=16,
            version=1,
            has_dependent_items=False,
            transform="tasks.transforms:reverse",
            alignment="tasks.transforms:reverse_alignment",
            information="tasks.baselines:independent_bits",
            constant="tasks.baselines:independent_constant",
            repeat="tasks.baselines:independent_repeat",
            causal_ceiling="tasks.baselines:reverse_ceiling",
        ),
        Task(
            name="sort",
            summary="the items of the source from the smallest to the largest",
            # A long sorted sequence of few symbols can be guessed without its source: of 200 items
            # of 16 symbols, the best constant answer gets more than half right.
            default_symbols=128,
            version=1,
            has_dependent_items=True,
            transform="tasks.transforms:sort",
            alignment="tasks.transforms:sort_alignment",
            information="tasks.baselines:sort_bits",
            constant="tasks.baselines:sort_constant",
            repeat="tasks.baselines:sort_repeat",
            causal_ceiling="tasks.baselines:sort_ceiling",
        ),
    )
}


def find_task(name: str) -> Task:
    """Find a task by its name; that of a plug-in is imported.

    Raises:
        KeyError: There is no such task.
        Exception: Whatever the plug-in raises.
    """
    return TASKS[name] if name in TASKS else load_plug_in(ENTRY_POINT_GROUP, name, Task)
