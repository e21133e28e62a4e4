"""F6 and F19: damaged, foreign and hostile files in a results folder; set aside and done again."""

import io
import os
import pickle
import random
import shutil
from pathlib import Path

import pytest
import torch

from results.errors import ResultsError
from results.store.checked_json import seal
from results.store.csv_files import ACCURACY, read_rows
from tests.commands import accuracy_rows, weights
from tests.faults.fault_tools import THREE_RUNS, TWO_JOBS, complete, harm_of, planted

FLIPS = 200


@pytest.fixture
def folder(undisturbed, tmp_path):
    """A results folder to damage."""
    return shutil.copytree(undisturbed.folder, tmp_path / "results")


def flipped(content, draw):
    """Return the content with one bit the other way round."""
    changed = bytearray(content)
    changed[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def damages_of_csv(content):
    draw = random.Random(6)
    yield from (content[:end] for end in range(len(content)))
    yield from (flipped(content, draw) for _ in range(FLIPS))
    yield from (content + b"\n", content + content.splitlines(keepends=True)[-1], b"a,b\n1,2\n")


def count_refused(folder, damages, read):
    """Return how many damaged CSVs are refused by their name."""
    path, refused = folder / ACCURACY, 0
    for content in damages:
        path.write_bytes(content)
        try:
            read(folder, ACCURACY)
        except ResultsError as error:
            refused += str(error).startswith(str(path))
    return refused


@pytest.mark.fault("F6")
def test_no_damaged_csv_is_read(folder, reached):
    damages = list(damages_of_csv((folder / ACCURACY).read_bytes()))
    accepted = len(damages) - count_refused(folder, damages, read_rows)
    text = "CSV cut at every byte, 200 flips: all refused"
    reached(injected=len(damages), wrong=accepted, text=text)
    assert accepted == 0


@pytest.mark.fault("F6", is_twin=True)
def test_reader_that_trusts_a_csv_is_found(folder):
    assert count_refused(folder, [b"", b"a,b\n1,2\n"], Path.joinpath) == 0


@pytest.mark.fault("F6")
def test_damaged_records_and_checkpoints_are_done_again(folder, undisturbed, reached):
    """Five damages to records, and one to a checkpoint of a stage that is evaluated anew."""
    draw, paths = random.Random(1), sorted((folder / "records").glob("*.json"))[:5]
    other = seal({"rows": []}).replace(b'"schema_version":1', b'"schema_version":9', 1)
    whole = paths[0].read_bytes()
    damages = [whole[:-9], flipped(whole, draw), b"", b'{"accuracy": 1.0}\n', other]
    for path, content in zip(paths, damages, strict=True):
        path.write_bytes(content)
    checkpoint = folder / "checkpoints" / f"{accuracy_rows(folder)[0].stage_id}.pt"
    checkpoint.write_bytes(flipped(checkpoint.read_bytes(), draw))
    errors = complete(folder, *THREE_RUNS, *TWO_JOBS)
    text = "records of 5 damages and a checkpoint: set aside, named, done again"
    harm_of(folder, undisturbed).report(reached, injected=6, text=text)
    for path, content in zip(paths, damages, strict=True):
        assert f"{path}: not used: " in errors
        assert path.with_name(f"{path.name}.rejected").read_bytes() == content


@pytest.mark.fault("F6", is_twin=True)
def test_store_that_accepts_a_damaged_record_is_found(folder, undisturbed, tmp_path):
    code = """
import json
from results.store import records
records.unseal = lambda content: json.loads(content)["body"]
"""
    row = accuracy_rows(folder)[0]
    path = folder / "records" / f"{row.record_id}.json"
    stated = f'"token_accuracy":{row.token_accuracy!r}'.encode()
    assert stated in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(stated, b'"token_accuracy":0.75'))
    complete(folder, *THREE_RUNS, before=planted(tmp_path, code))
    assert harm_of(folder, undisturbed).wrong > 0


@pytest.mark.fault("F6")
def test_foreign_files_are_left_alone(folder, undisturbed, reached):
    foreign = [
        *("notes.txt", ".DS_Store", "accuracy copy.csv", "backup/accuracy.csv"),
        *("records/notes.txt", "records/.hidden.json", "records/old/a.json"),
        *("checkpoints/mine.pt", "logs/mine.log", "locks/mine.lock"),
    ]
    for name in foreign:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(name, encoding="utf-8")
    next((folder / "records").glob("[!.]*.json")).unlink()
    complete(folder, *THREE_RUNS)
    text = f"{len(foreign)} foreign files: none used, none touched"
    harm_of(folder, undisturbed).report(reached, injected=len(foreign), text=text)
    assert [(folder / name).read_text(encoding="utf-8") for name in foreign] == foreign


class Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.fault("F19")
def test_hostile_files_are_never_unpickled(folder, undisturbed, tmp_path, reached):
    """As a record, a failure, the plan, and every checkpoint of a folder with nothing else."""
    trace, archive = tmp_path / "trace", io.BytesIO()
    torch.save(Bomb(trace), archive)
    hostile = [pickle.dumps(Bomb(trace), protocol=2), archive.getvalue()]
    (folder / "failures").mkdir(exist_ok=True)
    victims = [
        *sorted((folder / "records").glob("*.json")),
        *(folder / "checkpoints" / name for name in weights(folder)),
        *(folder / "plan.json", folder / "failures" / "bad.json"),
    ]
    for number, path in enumerate(victims):
        path.write_bytes(hostile[number % 2])
    complete(folder, *THREE_RUNS, *TWO_JOBS)
    text = "pickles as records, checkpoints, plan: none unpickled, all done again"
    harm_of(folder, undisturbed).report(reached, injected=len(victims), text=text)
    assert not trace.exists()
