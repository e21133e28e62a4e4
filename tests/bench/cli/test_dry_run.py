"""What is said of a plan: to people in a few lines, to machines as JSON."""

import json

import pytest

from bench.cli.run_options import parse_request
from bench.plan.runs import plan_blocks
from bench.plan.shards import shard_of
from bench.run import main
from results.schema.rows import STATUSES
from results.store.folder import LEFT

SMALL = ["--tasks", "copy", "--models", "rnn,seq2seq", "--lengths", "2,4", "--seeds", "2"]


def said(capsys, *arguments):
    assert main([*arguments, "--dry-run", "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_every_record_of_every_run_has_its_status(finished, capsys):
    small = ["--hidden", "8", "--budget", "20", "--seeds", "2", "--tasks", "copy"]
    models = ["--models", "rnn,seq2seq+dot", "--lengths", "2,4"]
    content = said(capsys, *small, *models, "--out", str(finished))
    assert content["records"] == dict.fromkeys((*STATUSES, LEFT), 0) | {"ok": 4, LEFT: 4}
    assert content["runs_to_do"] == 2
    assert content["seconds_at_most"] > 0
    by_seed = {
        seed: [
            (run["model"], run["is_to_do"], [each["status"] for each in run["records"]])
            for run in content["runs"]
            if run["seed"] == seed
        ]
        for seed in (11, 12)
    }
    assert by_seed == {
        11: [("seq2seq+dot", False, ["ok", "ok"]), ("rnn", False, ["ok", "ok"])],
        12: [("seq2seq+dot", True, [LEFT, LEFT]), ("rnn", True, [LEFT, LEFT])],
    }


def test_request_is_said_whole_and_without_a_path(tmp_path, capsys):
    content = said(capsys, *SMALL, "--shard", "1/2", "--out", str(tmp_path / "nothing"))
    request = content["request"]
    assert request["shard"] == "1/2"
    assert request["engine"] == "local"
    (block,) = request["blocks"]
    assert block["seeds"] == [11, 12]
    assert block["recipe"]["stage_budget_updates"] == 7000
    assert str(tmp_path) not in json.dumps(content)
    assert not (tmp_path / "nothing").exists()


def test_shard_is_all_that_is_planned(tmp_path, capsys):
    runs = plan_blocks(parse_request(SMALL).blocks)
    content = said(capsys, *SMALL, "--shard", "1/2", "--out", str(tmp_path))
    expected = shard_of(runs, parse_request([*SMALL, "--shard", "1/2"]).execution.shard)
    assert [run["run_id"] for run in content["runs"]] == [run.run_id for run in expected]
    assert len(expected) == 2


@pytest.mark.parametrize("shard", ["1/2", "2/2"])
def test_shard_is_named_to_people(tmp_path, capsys, shard):
    assert main([*SMALL, "--shard", shard, "--dry-run", "--out", str(tmp_path)]) == 0
    assert f"Records: shard {shard}: 4 in 2 model runs;" in capsys.readouterr().out
