"""Code of users: plug-ins, and builders named at the command line, looked at in a child process.

Importing it runs whatever its author wrote: it may exit, parse our arguments, or train for hours.
The child has a time limit and no arguments. Imports no torch.
"""

import json
import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, TextIO

from bench.execution.engine import converse, ended_after, exit_in_words, start_child
from models import ENTRY_POINT_GROUP as MODEL_GROUP
from models import MODELS, find_model
from models.entry import ModelEntry
from results.schema.columns import error_in_words, one_line
from tasks import ENTRY_POINT_GROUP as TASK_GROUP
from tasks import TASKS, Task, find_task
from tasks.import_path import plug_ins, require_no_clash, resolve

# Importing torch from a slow network disk can take a minute.
SECONDS_TO_IMPORT = 120.0
_ADVICE = "put what it runs under if __name__ == '__main__'"


class Refused(Exception):
    """Code of a user cannot take part; the message names it and says why."""


@dataclass(frozen=True)
class _Stranger:
    kind: str  # "model" or "task".
    name: str
    reference: str  # The builder, or what an entry point leads to.


def known_models() -> tuple[str, ...]:
    """List the names of the suite's models and of plug-ins; import none."""
    return (*MODELS, *plug_ins(MODEL_GROUP))


def known_tasks() -> tuple[str, ...]:
    """List the names of the suite's tasks and of plug-ins; import none."""
    return (*TASKS, *plug_ins(TASK_GROUP))


def meet_models(names: Sequence[str]) -> tuple[ModelEntry, ...]:
    """Find models by names that are known, or by builders.

    Raises:
        Refused: The code of one cannot take part.
    """
    wanted = _wanted("model", names, MODELS, plug_ins(MODEL_GROUP))
    met = _meet(tuple(wanted.values()))
    return tuple(_entry(met[wanted[name]]) if name in wanted else MODELS[name] for name in names)


def meet_tasks(names: Sequence[str]) -> tuple[Task, ...]:
    """Find tasks by names that are known.

    Raises:
        Refused: The code of one cannot take part.
    """
    wanted = _wanted("task", names, TASKS, plug_ins(TASK_GROUP))
    met = _meet(tuple(wanted.values()))
    return tuple(Task(**met[wanted[name]]) if name in wanted else TASKS[name] for name in names)


def _wanted(
    kind: str,
    names: Sequence[str],
    own: Collection[str],
    added: Mapping[str, Sequence[str]],
) -> dict[str, _Stranger]:
    """Pick the names that are not the suite's own; refuse one that has several owners."""
    wanted = {}
    for name in names:
        owners = [*(["the suite"] if name in own else []), *added.get(name, ())]
        if len(owners) > 1:
            raise Refused(f"{name!r} is the name of several: {', '.join(owners)}; uninstall one")
        if name not in own:
            wanted[name] = _Stranger(kind, name, owners[0] if owners else name)
    return wanted


@cache  # A command asks several times, and a child that imports torch takes seconds.
def _meet(strangers: tuple[_Stranger, ...]) -> Mapping[_Stranger, Mapping[str, Any]]:
    """Look at strangers in a child; return the fields of their entries."""
    if not strangers:
        return {}
    met: dict[_Stranger, Mapping[str, Any]] = {}
    begun = strangers[0]
    child = start_child("bench.execution.strangers", subprocess.DEVNULL)
    with ended_after(child, SECONDS_TO_IMPORT) as is_late:
        for event in converse(child, [asdict(each) for each in strangers]):
            begun = strangers[event["of"]]
            if "refusal" in event:
                raise Refused(f"{begun.name!r} {event['refusal']}")
            if "entry" in event:
                met[begun] = event["entry"]
            # A thread that it started would keep the child alive for ever.
            if len(met) == len(strangers):
                return met
        child.wait()
    if is_late.is_set():
        what = f"is not imported after {SECONDS_TO_IMPORT:.0f} seconds"
    else:
        what = f"ends its process while it is imported ({exit_in_words(child.returncode)})"
    raise Refused(f"{begun.name!r} {what}; {_ADVICE}")


def main(events: TextIO) -> int:
    """Look at the strangers on standard input, one after the other."""
    for index, each in enumerate(json.loads(sys.stdin.readline())):
        _say(events, {"of": index})
        stranger = _Stranger(**each)
        try:
            entry = _look_at(stranger)
        except Refused as error:
            _say(events, {"of": index, "refusal": str(error)})
        except SystemExit as error:
            why = one_line(f"exits while it is imported ({error}); {_ADVICE}")
            _say(events, {"of": index, "refusal": why})
        except BaseException as error:
            _say(events, {"of": index, "refusal": f"cannot be imported: {error_in_words(error)}"})
        else:
            _say(events, {"of": index, "entry": asdict(entry)})
    return 0


def _say(events: TextIO, event: Mapping[str, Any]) -> None:
    print(json.dumps(event), file=events, flush=True)


def _look_at(stranger: _Stranger) -> ModelEntry | Task:
    """Import one, and the functions that it names."""
    try:
        require_no_clash(stranger.reference)
    except ValueError as error:
        raise Refused(f"cannot be imported: {error}") from None
    entry = find_model(stranger.name) if stranger.kind == "model" else find_task(stranger.name)
    for reference in entry.references:
        if not callable(resolve(reference)):
            raise Refused(f"leads to {reference}, which cannot be called")
    return entry


def _entry(fields: Mapping[str, Any]) -> ModelEntry:
    """Make an entry of what came through a pipe, where a tuple is a list."""
    return ModelEntry(**{**fields, "reads": tuple(fields["reads"])})
