"""The bench: its data are always the same, its arithmetic and its pages are right, and it measures generated files.

Nothing here depends on how long anything takes, and no peer is needed.
"""

from __future__ import annotations

import itertools
import json
import math
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import chart, machine, measure, profile, results, scaling, sides, turns, worker
from bench.__main__ import arguments
from bench.figures import TASKS, Task, figures, lines
from bench.generated import Side
from bench.peers import PEERS
from bench.systems import MODELS, SYSTEMS, TYPICAL, System, alone, joined
from tests.building import ROOT, build, graph_of


def side(system: System) -> Side:
    return Side(system, system.batches(3), build(system.source.read_text("utf-8"), system.source.name))


# --------------------------------------------------------------------------------------------------------------- data


@pytest.mark.parametrize("system", MODELS.values(), ids=MODELS)
def test_the_data_of_a_system_are_always_the_same(system: System) -> None:
    first, again = system.batches(2), system.batches(3)[:2]
    for (x, y), (other_x, other_y) in zip(first, again, strict=True):
        for one, other in zip((*x, *y), (*other_x, *other_y), strict=True):
            assert one.dtype in (np.float32, np.int32)
            assert len(one) == system.batch
            np.testing.assert_array_equal(one, other)
    assert not np.array_equal(first[0][0][0], first[1][0][0])


def test_a_batch_of_words_holds_few_different_ids() -> None:
    words, ids = (len(np.unique(SYSTEMS[name].batches(1)[0][0][0])) for name in ("6z", "6"))
    assert 2_500 < words < 3_500
    assert ids > 20_000


def test_batches_are_joined_row_by_row() -> None:
    batches = SYSTEMS["5"].batches(2)
    (text, question), (answer,) = joined(batches)
    assert (text.shape, question.shape, answer.shape) == ((256, 100), (256, 100), (256, 500))
    np.testing.assert_array_equal(question[128:], batches[1][0][1])


@pytest.mark.parametrize("name", ["1", "2", "3", "4", "mnist_cnn", "resnet", "mlp", "bilstm", "transformer", "policy"])
def test_a_generated_file_has_the_weights_that_its_system_says(name: str) -> None:
    system = MODELS[name]
    assert tuple(array.shape for array in side(system).weights()) == system.weights
    assert tuple(array.shape for array in system.random_weights()) == system.weights


def test_every_way_to_train_a_generated_file_takes_the_same_steps() -> None:
    trained = side(SYSTEMS["1"])
    trained.load(SYSTEMS["1"].random_weights())
    steps = [trained.step() for _ in range(3)]
    trained.restart()
    assert [trained.train_on_batch() for _ in range(3)] == pytest.approx(steps, rel=1e-6)
    trained.restart()
    trained.gather(3)
    assert trained.fit(shuffle=False) == pytest.approx(sum(steps) / 3, rel=1e-6)
    assert trained.fit(epochs=2) != pytest.approx(sum(steps) / 3, rel=1e-6)


# --------------------------------------------------------------------------------------------------------- arithmetic


def test_ratios_are_those_of_each_round_and_figures_are_in_the_unit_of_the_task() -> None:
    result = figures({"gen": [1e-6, 2e-6, 3e-6, 8e-6, 5e-6], "jax": [2e-6, 8e-6, 4e-6, 8e-6, 2.5e-6]}, Task("step"))
    assert result["unit"] == "µs"
    assert result["rounds"] == 5
    assert result["sides"]["gen"] == {"median": 3.0, "low": 2.0, "high": 5.0, "fast": 1.4}
    assert result["sides"]["jax"]["median"] == 4.0
    assert result["ratio"]["jax"] == {
        "median": 0.75,
        "low": 0.5,
        "high": 1.0,
        "fast": pytest.approx(1.4 / 2.2, abs=1e-4),
    }


def test_one_value_is_its_own_median_and_quartiles() -> None:
    result = figures({"gen": [2e6]}, Task("memory", "MB"))
    assert result["sides"]["gen"] == {"median": 2.0, "low": 2.0, "high": 2.0, "fast": 2.0}
    assert result["ratio"] == {}


def test_what_is_printed_has_a_line_for_each_other_side() -> None:
    result = figures({"gen": [1e-6, 1e-6], "jax": [2e-6, 2e-6], "torch": [4e-3, 4e-3]}, Task("training step"))
    jax, torch = lines("5", "training step", result)
    assert jax.split() == ["5", "training", "step", "jax", "1", "2", "µs", "0.50", "(0.50–0.50)", "0.50"]
    assert torch.split()[4:6] == ["1", "4,000"]
    (only,) = lines("5", "gen build", figures({"gen": [0.5, 0.5]}, TASKS["build"]))
    assert only.split() == ["5", "gen", "build", "500", "ms", "(500–500)"]


def test_sides_take_turns_in_an_order_that_moves_on() -> None:
    assert "".join(measure.in_turns("abc", 4)) == "abc" "bca" "cab" "abc"


# ------------------------------------------------------------------------------------------------------------- agreeing


class Answering:
    """A worker that computes these losses."""

    def __init__(self, *losses: float) -> None:
        self.losses = losses

    def ask(self, question: str) -> dict[str, list[Any]]:
        assert question == "results"
        return {"predict_one": [np.ones((1, 1))], "step": [np.array(loss) for loss in self.losses]}


def test_another_loss_is_a_failure() -> None:
    measure.agree({"gen": Answering(0.7, 0.6), "jax": Answering(0.70001, 0.6)}, "system 1")
    measure.agree({"gen": Answering(0.7, 0.6), "keras-tf": Answering(0.7, 0.601)}, "system 6")
    with pytest.raises(AssertionError, match="system 6: step of gen and keras-tf"):
        measure.agree({"gen": Answering(0.7, 0.6), "keras-tf": Answering(0.701, 0.6)}, "system 6")
    measure.agree({"gen": Answering(0.7, 0.6), "torch": Answering(0.71, 0.65)}, "mlp", drops=True)
    with pytest.raises(AssertionError, match="mlp: step of gen and torch"):
        measure.agree({"gen": Answering(0.7, 0.6), "torch": Answering(0.7, 0.8)}, "mlp", drops=True)
    with pytest.raises(AssertionError, match="system 1: step of gen and torch"):
        measure.agree({"gen": Answering(0.7, 0.6), "torch": Answering(0.7, 0.601)}, "system 1")


# -------------------------------------------------------------------------------------------------------------- results

ABOUT = {
    "date": "2026-01-31",
    "revision": "abc",
    "cpu": "A processor",
    "system": "Linux x86_64",
    "cores": 2,
    "threads": 2,
    "load": 0.1,
    "python": "3.11.7",
    "versions": {"numpy": "2.4.6", "jax": "0.10.2"},
    "blas": "openblas 0.3, Zen kernels",
    "environment": {"OPENBLAS_CORETYPE": "Haswell"},
    "tuned": False,
}


def against(gen: float, jax: float, torch: float, task: str = "step") -> dict[str, Any]:
    scaled = {name: [value / TASKS[task].scale] * 2 for name, value in {"gen": gen, "jax": jax, "torch": torch}.items()}
    return figures(scaled, TASKS[task])


def page(measured: dict[str, Any]) -> list[str]:
    return list(results.page({"about": ABOUT, "left_out": [], "figures": measured}))


def test_results_show_each_target_and_whether_it_is_met() -> None:
    found = page({"1": {"step": against(20, 40, 200)}, "5": {"step": against(30_000, 40_000, 30_000)}})
    assert "## training step, µs" in found
    assert "| system | gen | JAX | PyTorch | ratio to the best | target |  |" in found
    assert "| 1 | 20 | 40 | 200 | 0.50 (0.50–0.50) of JAX | ≤ 0.6 | met |" in found
    assert "| 5 | 30,000 | 40,000 | 30,000 | 1.00 (1.00–1.00) of PyTorch | ≤ 0.85 | **missed** |" in found
    assert "- **Targets met: 1 of 2.** These are missed:" in found
    assert "  - training step, system 5: 1.00 of PyTorch, target ≤ 0.85" in found


def test_results_show_what_is_lost_where_there_is_no_target() -> None:
    found = page({"1": {"fit": against(30, 20, 200, "fit")}, "2": {"fit": against(10, 20, 200, "fit")}})
    assert "| 1 | 30 | 20 | 200 | 1.50 (1.50–1.50) of JAX |  | **behind** |" in found
    assert "| 2 | 10 | 20 | 200 | 0.50 (0.50–0.50) of JAX |  | ahead |" in found
    assert "  - fit, per step, system 1: 1.50 of JAX" in found


def test_a_target_beside_one_peer_does_not_hide_a_quicker_one() -> None:
    found = page({"5": {"predict_one": against(400, 200, 500, "predict_one")}})
    assert "| 5 | 400 | 200 | 500 | 2.00 (2.00–2.00) of JAX | ≤ 1.0 of PyTorch | met with 0.80 of PyTorch |" in found
    assert "  - predict, one, system 5: 2.00 of JAX" in found


def test_results_of_builds_say_what_a_layer_takes() -> None:
    measured: dict[str, Any] = {
        "1": {
            task: figures({"gen": [took]}, TASKS[task]) for task, took in {"first_build": 0.9, "rebuild": 0.3}.items()
        },
        "gen": {"version": figures({"gen": [0.1], "python": [0.01]}, TASKS["version"])},
        "500 layers": {"layers": figures({"gen": [1.0], "black": [0.8], "black_alone": [0.7]}, TASKS["layers"])},
        "2000 layers": {"layers": figures({"gen": [5.0], "black": [3.0], "black_alone": [4.0]}, TASKS["layers"])},
    }
    found = page(measured)
    assert "| system | gen build, nothing kept | ≤ 700 | gen build | ≤ 700 | gen build, unchanged | ≤ 700 |" in found
    assert "| 1 | 900 (900–900) | **missed** |  |  | 300 (300–300) | met |" in found
    assert "| 100 (100–100) | 10 (10–10) | 90.0 | ≤ 60 ms more | **missed** |" in found
    assert "| 500 | 1 (1–1) | 2.00 ms | 0.8 (80%) | 0.7 (0.7–0.7) |" in found
    assert "- gen build of 2,000 layers, each: 1.25 of one of 500, target ≤ 1.15: **missed**" in found
    assert "- gen build of 2,000 layers: 1.25 of Black alone, target ≤ 2.0: met" in found


def test_results_name_the_machine_and_what_slows_it() -> None:
    found = page({})
    assert "- A processor, 2 cores, 2 of them used; Linux x86_64" in found
    assert any(line.startswith("- **OPENBLAS_CORETYPE=Haswell is set") for line in found)


def test_results_are_written_from_figures(tmp_path: Path) -> None:
    run = {"about": ABOUT, "left_out": ["torch is left out"], "figures": {"1": {"step": against(20, 40, 200)}}}
    results.write(run, tmp_path / "RESULTS.md")
    text = (tmp_path / "RESULTS.md").read_text("utf-8")
    assert text.startswith("# Results\n")
    assert "- torch is left out\n" in text


def test_targets_are_those_of_tasks_and_systems_that_there_are() -> None:
    for task, systems in results.TARGETS.items():
        assert task in TASKS
        assert set(systems) <= set(SYSTEMS)
        assert all(target.peer is None or target.peer in PEERS for target in systems.values())


def test_the_chart_and_the_table_of_the_documentation_show_the_figures() -> None:
    run = json.loads(chart.FIGURES.read_text("utf-8"))
    message = "the figures have changed: run `python -m bench.chart`"
    assert chart.CHART.read_text("utf-8") == chart.chart(run), message
    table = (ROOT / "docs" / "speed.md").read_text("utf-8")
    assert f"| | {' | '.join(SYSTEMS)} |" in table
    for task, title in chart.ROWS.items():
        found = chart.ratios(run, task).values()
        assert f"| {title} | {' | '.join(f'{ratio:.2f}' for ratio in found)} |" in table


def test_the_chart_and_the_table_of_typical_models_show_the_figures() -> None:
    run = json.loads(chart.TYPICAL_FIGURES.read_text("utf-8"))
    made = chart.chart(run, chart.TYPICAL_ROWS, chart.TYPICAL_LABELS)
    assert chart.TYPICAL_CHART.read_text("utf-8") == made, "the figures have changed: run `python -m bench.chart`"
    assert list(chart.TYPICAL_LABELS) == list(TYPICAL)
    table = (ROOT / "README.md").read_text("utf-8")
    assert f"| | {' | '.join(f'`{name}`' for name in TYPICAL)} |" in table
    for task, title in chart.TYPICAL_ROWS.items():
        found = chart.ratios(run, task)
        assert f"| {title} | {' | '.join(f'{found[name]:.2f}' for name in TYPICAL)} |" in table


def test_the_page_of_results_has_all_figures_that_are_kept() -> None:
    runs = [
        json.loads((ROOT / "bench" / f"{name}.json").read_text("utf-8")) for name in ("figures", "typical", "scaling")
    ]
    message = "the figures have changed: run `python -m bench --results` as `make bench` does"
    assert results.RESULTS.read_text("utf-8") == "\n".join(results.page(*runs)) + "\n", message


def test_circles_of_the_chart_cover_no_others() -> None:
    sides = {"jax": {"median": 2.0}, "torch": {"median": 1.0}}
    names = list(SYSTEMS)
    ratios = dict(zip(names, (0.5, 0.5, 0.51, 0.9, 1.0, 1.5, 2.0), strict=True))
    found = {
        name: {"sides": sides, "ratio": {"jax": {"median": 9.0}, "torch": {"median": ratio}}}
        for name, ratio in ratios.items()
    }
    tasks = {name: dict.fromkeys(chart.ROWS, result) for name, result in found.items()}
    text = chart.chart({"figures": tasks})
    circles = re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)" r="([\d.]+)"', text)
    assert len(circles) == len(chart.ROWS) * len(SYSTEMS)
    placed = [(float(x), float(y)) for x, y, _ in circles]
    assert min(math.dist(one, other) for one, other in itertools.combinations(placed, 2)) >= 2 * float(circles[0][2])
    assert text.count('class="behind"') == 2 * len(chart.ROWS)


# ---------------------------------------------------------------------------------------------------------- the command


def test_the_command_measures_a_generated_file(tmp_path: Path) -> None:
    told = tmp_path / "figures.json"
    effort = ["--tasks", "predict_one,memory", "--rounds", "2", "--runs", "1", "--json", told]
    command = [sys.executable, "-m", "bench", "1", "--compare", "without:reuse,sums", *effort]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "predict, one" in done.stdout
    run = json.loads(told.read_text("utf-8"))
    measured = run["figures"]["1"]
    assert list(measured) == ["predict_one", "memory"]
    for result in measured.values():
        assert list(result["sides"]) == ["present", "without:reuse,sums"]
        assert result["ratio"]["without:reuse,sums"]["median"] > 0.0
    assert run["about"]["versions"]["numpy"] == np.__version__


def test_a_table_shows_how_times_grow_with_the_batch(capsys: pytest.CaptureFixture[str]) -> None:
    scaling.main(["policy", "--sizes", "1,3", "--tasks", "predict_batch", "--threads", "1,2", "--limit", "0.1"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "policy, predict, batch, by rows"
    assert lines[3] == "| rows | gen, 1, ms | gen, 2, ms | gen, 1 / gen, 2 |"
    assert [line.split()[1] for line in lines[5:]] == ["1", "3"]


def test_a_table_shows_how_times_grow_with_the_units_of_layers(tmp_path: Path) -> None:
    """Tables are added to those of a file, and replace themselves."""
    told = tmp_path / "scaling.json"
    for widths in ("8", "8,16"):
        scaling.main(["mlp", "--widths", widths, "--tasks", "predict_batch", "--limit", "0.1", "--json", str(told)])
    (table,) = json.loads(told.read_text("utf-8"))["tables"]
    assert table["title"] == "mlp, predict, batch, by units"
    assert [line["size"] for line in table["lines"]] == [8, 16]
    with pytest.raises(SystemExit):
        scaling.main(["policy", "--widths", "8"])


def test_variables_that_slow_numpy_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_L2_SIZE", "512")
    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
    about = machine.about([])
    assert about["environment"] == {"OPENBLAS_L2_SIZE": "512"}
    assert next(machine.warnings(about)).startswith("OPENBLAS_L2_SIZE=512 is set")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["9"], "there is no system 9"),
        (["--tasks", "step,sleep"], "there is no task sleep"),
        (["--peers", "mxnet"], "there is no peer mxnet"),
    ],
)
def test_what_there_is_not_is_refused(given: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        arguments(given)
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "message"),
    [("without:sums,magic", "there is no pass magic"), ("no-such-thing", "no-such-thing is no folder")],
)
def test_a_side_that_there_is_not_is_refused(name: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(sides.SideError, match=message):
        sides.origin(name, tmp_path / "side")


def test_a_side_may_be_a_folder_or_the_generator_without_passes(tmp_path: Path) -> None:
    system = SYSTEMS["1"]
    with_all, without = sides.origin("present", tmp_path / "a"), sides.origin("without:sums", tmp_path / "b")
    paths = [each.file(system) for each in (with_all, without)]
    texts = [path.read_text("utf-8") for path in paths if path is not None]
    assert len(set(texts)) == 2
    assert sides.origin(str(tmp_path / "b" / "out"), tmp_path / "c").file(system) == paths[1]
    assert sides.origin(str(tmp_path), tmp_path / "d").file(system) is None


def test_a_side_that_fails_tells_why(tmp_path: Path) -> None:
    (tmp_path / "two_classes.py").write_text("raise RuntimeError('not today')\n", "utf-8")
    spec = worker.Spec("1", file=str(tmp_path / "two_classes.py"))
    with sides.workers({"gen": spec}) as running, pytest.raises(sides.SideError, match="not today") as caught:
        running["gen"].ask("weights")
    assert caught.value.side == "gen"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="Linux tells what a process does")
def test_a_side_is_stopped_while_nothing_is_asked_of_it(tmp_path: Path) -> None:
    spec = worker.Spec("1", file=str(sides.origin("present", tmp_path / "side").file(SYSTEMS["1"])))
    with sides.workers({"gen": spec}) as running:
        running["gen"].ask("weights")
        status = Path(f"/proc/{running['gen'].process.pid}/stat")
        while status.read_text().rpartition(")")[2].split()[0] != "T":
            pass  # the signal is on its way
        assert len(running["gen"].ask("weights")) == 4


def test_a_file_of_many_layers_is_a_model() -> None:
    assert len(graph_of(measure.many_layers(12)).layers) == 12


def test_the_extra_installs_what_the_peers_need() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    names = {line.partition("=")[0].rstrip("><~ ") for line in project["optional-dependencies"]["bench"]}
    assert {package for peer in PEERS.values() for package in peer.packages} | {"threadpoolctl"} == names


def test_an_array_alone_is_given_alone() -> None:
    one, two = np.zeros(1), np.ones(1)
    assert alone((one,)) is one
    assert alone((one, two)) == [one, two]


def test_predictions_are_arrays_whatever_holds_them() -> None:
    one, two = np.zeros(1), np.ones(1)
    for given in (one, [one], {"a": one}, (one,)):
        (found,) = worker.arrays(given)
        np.testing.assert_array_equal(found, one)
    assert len(worker.arrays({"a": one, "b": two})) == 2


def test_a_profile_has_every_statement_of_the_network(capsys: pytest.CaptureFixture[str]) -> None:
    profile.main(["1", "step", "--times", "2"])
    printed = capsys.readouterr().out
    for function in ("forward", "loss", "backward", "update"):
        assert f"  {function}: " in printed
    assert "the whole step" in printed


def test_calls_that_take_turns_are_compared_pair_by_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    now, order = 0.0, []

    def call(name: str, seconds: float) -> None:
        nonlocal now
        now += seconds
        order.append(name)

    monkeypatch.setattr(turns, "perf_counter", lambda: now)
    found = turns.turns(lambda: call("before", 2.0), lambda: call("after", 3.0), seconds=12.0)
    assert found == (1.5, 2.0, 3.0)
    assert order[3:] == ["before", "after", "after", "before", "before", "after"]


def test_two_files_are_measured_in_turns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / "out" / "qa.py").read_text("utf-8")
    for name in ("before", "after"):
        (tmp_path / f"{name}.py").write_text(text, "utf-8")
    effort = ["--batch", "2", "--length", "3", "--tasks", "predict", "step", "--seconds", "0"]
    turns.main([str(tmp_path / "before.py"), str(tmp_path / "after.py"), *effort])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:3] for line in lines] == [["predict", "2", "rows"], ["step", "2", "rows"]]
