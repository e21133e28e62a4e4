"""What is said of a plan: to people in a few lines, to programs as JSON."""

import json
from dataclasses import replace

from bench.cli.run_options import parse_request
from bench.plan.runs import plan_blocks
from bench.run import main
from results.schema.rows import OK, STATUSES
from results.store.folder import LEFT, open_store
from tests.commands import BOTH, SMALL

TWO_SEEDS = (*SMALL, *BOTH, "--seeds", "2", "--dry-run", "--out")


def test_every_record_of_every_run_has_its_status(tmp_path, capsys):
    store = open_store(tmp_path, create=True)
    runs = plan_blocks(parse_request([*SMALL, *BOTH]).blocks)
    rows = [row for run in runs for row in run.planned_rows()]
    store.extend_plan(rows)
    for row in rows:
        store.write_record(replace(row, status=OK, attempts=1))
    assert main([*TWO_SEEDS, str(tmp_path), "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["records"] == dict.fromkeys((*STATUSES, LEFT), 0) | {"ok": 4, LEFT: 4}
    assert content["runs_to_do"] == 2
    assert content["seconds_at_most"] > 0
    assert [
        (run["seed"], run["model"], run["is_to_do"], [each["status"] for each in run["records"]])
        for run in content["runs"]
    ] == [
        (21, "seq2seq+dot", False, ["ok", "ok"]),
        (21, "rnn", False, ["ok", "ok"]),
        (22, "seq2seq+dot", True, [LEFT, LEFT]),
        (22, "rnn", True, [LEFT, LEFT]),
    ]


def test_request_is_said_whole_without_a_path_and_of_a_shard_alone(tmp_path, capsys):
    out = tmp_path / "nothing"
    assert main(["--preset=claims", "--shard=1/2", "--dry-run", "--json", f"--out={out}"]) == 0
    said = capsys.readouterr().out
    content = json.loads(said)
    assert content["request"]["shard"] == "1/2"
    assert content["request"]["model_runs"] == len(content["runs"]) == 43
    encoders = [block["encoder"] for block in content["request"]["blocks"]]
    assert encoders == ["bi"] * 4 + ["uni"] * 3
    assert [block["cell"] for block in content["request"]["blocks"]][4:] == ["lstm", "gru", "tanh"]
    assert str(tmp_path) not in said
    assert not out.exists()
