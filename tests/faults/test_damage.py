"""F6 and F19: damaged, foreign and hostile files in a results folder; set aside and done again."""

import io
import pickle
import random
import shutil
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import pytest
import torch

from results.errors import ResultsError
from results.store import checked_json as sealed
from results.store.csv_files import ACCURACY, read_rows
from tests.bench.training.test_checkpoints import Bomb
from tests.commands import accuracy_rows, weights
from tests.faults.fault_tools import MATRIX, TWO_JOBS, complete, harm_of, planted

FLIPS = 200


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


def accepted_csvs(folder, read, *, at_most=None):
    """Return how many damaged CSVs are read, of how many."""
    path = folder / ACCURACY
    damages = list(islice(damages_of_csv(path.read_bytes()), at_most))
    refusals = []
    for content in damages:
        path.write_bytes(content)
        with suppress_but_keep(refusals):
            read(folder, ACCURACY)
    assert all(str(error).startswith(str(path)) for error in refusals)
    return len(damages) - len(refusals), len(damages)


@contextmanager
def suppress_but_keep(refusals):
    try:
        yield
    except ResultsError as error:
        refusals.append(error)


@pytest.mark.fault("F6")
def test_no_damaged_csv_is_read(undisturbed, tmp_path, reached):
    accepted, count = accepted_csvs(shutil.copytree(undisturbed.folder, tmp_path / "r"), read_rows)
    reached(injected=count, wrong=accepted, text="CSV cut at every byte, 200 flips: all refused")
    assert accepted == 0


@pytest.mark.fault("F6", is_twin=True)
def test_reader_that_trusts_a_csv_is_found(undisturbed, tmp_path):
    folder = shutil.copytree(undisturbed.folder, tmp_path / "r")
    assert accepted_csvs(folder, Path.joinpath, at_most=9)[0] == 9


@pytest.mark.fault("F6")
def test_damaged_records_and_checkpoints_are_done_again(undisturbed, tmp_path, reached):
    """Five damages to records, and one to a checkpoint of a stage that is evaluated anew."""
    folder = shutil.copytree(undisturbed.folder, tmp_path / "results")
    draw, paths = random.Random(1), sorted((folder / "records").glob("*.json"))
    other = sealed.seal({"rows": []}).replace(b'"schema_version":1', b'"schema_version":9', 1)
    whole = paths[0].read_bytes()
    damages = [whole[:-9], flipped(whole, draw), b"", b'{"accuracy": 1.0}\n', other]
    for path, content in zip(paths, damages, strict=False):
        path.write_bytes(content)
    stage = accuracy_rows(folder)[0].stage_id
    checkpoint = folder / "checkpoints" / f"{stage}.pt"
    checkpoint.write_bytes(flipped(checkpoint.read_bytes(), draw))
    errors = complete(folder, *MATRIX, *TWO_JOBS)
    named = [path for path in paths[:5] if f"{path}: not used: " in errors]
    text = "records of 5 damages and a checkpoint: set aside, named, done again"
    harm_of(folder, undisturbed).report(reached, injected=6, text=text)
    assert named == paths[:5]
    for path, content in zip(paths, damages, strict=False):
        assert path.with_name(f"{path.name}.rejected").read_bytes() == content


@pytest.mark.fault("F6", is_twin=True)
def test_store_that_accepts_a_damaged_record_is_found(undisturbed, tmp_path):
    code = """
import json

from results.store import records

records.unseal = lambda content: json.loads(content)["body"]
"""
    folder = shutil.copytree(undisturbed.folder, tmp_path / "results")
    row = accuracy_rows(folder)[0]
    path = folder / "records" / f"{row.record_id}.json"
    other = b'"token_accuracy":0.75'
    stated = f'"token_accuracy":{row.token_accuracy!r}'.encode()
    assert stated in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(stated, other))
    complete(folder, *MATRIX, before=[planted(tmp_path / "weak", code)])
    assert harm_of(folder, undisturbed).wrong > 0


@pytest.mark.fault("F19")
def test_hostile_files_are_never_unpickled(undisturbed, tmp_path, reached):
    """As a record, a failure, the plan, and every checkpoint of a folder with nothing else."""
    folder, trace = shutil.copytree(undisturbed.folder, tmp_path / "results"), tmp_path / "trace"
    archive = io.BytesIO()
    torch.save(Bomb(trace), archive)
    hostile = [pickle.dumps(Bomb(trace), protocol=2), archive.getvalue()]
    victims = [
        *sorted((folder / "records").glob("*.json")),
        *(folder / "checkpoints" / name for name in weights(folder)),
        folder / "plan.json",
        folder / "failures" / "bad.json",
    ]
    (folder / "failures").mkdir(exist_ok=True)
    for number, path in enumerate(victims):
        path.write_bytes(hostile[number % 2])
    complete(folder, *MATRIX, *TWO_JOBS)
    text = "pickles as records, checkpoints, plan: none unpickled, all done again"
    harm_of(folder, undisturbed).report(reached, injected=len(victims), text=text)
    assert not trace.exists()


@pytest.mark.fault("F6")
def test_foreign_files_are_left_alone(undisturbed, tmp_path, reached):
    folder = shutil.copytree(undisturbed.folder, tmp_path / "results")
    foreign = [
        *("notes.txt", ".DS_Store", "accuracy copy.csv", "backup/accuracy.csv"),
        *("records/notes.txt", "records/.hidden.json", "records/old/a.json"),
        *("checkpoints/mine.pt", "logs/mine.log", "locks/mine.lock"),
    ]
    for name in foreign:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(name, encoding="utf-8")
    next((folder / "records").glob("[!.]*.json")).unlink()
    complete(folder, *MATRIX)
    text = f"{len(foreign)} foreign files: none used, none touched"
    harm_of(folder, undisturbed).report(reached, injected=len(foreign), text=text)
    for name in foreign:
        assert (folder / name).read_text(encoding="utf-8") == name
