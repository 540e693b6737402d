"""scripts/learn: each runs in both languages, and what it prints is true."""

from __future__ import annotations

import math
import re
import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hf_rnn import GruConfig


SCRIPTS = (
    "a_target_at_every_step",
    "exploding_and_vanishing",
    "forward_pass_by_hand",
    "gates_that_stay_open",
    "imdb_in_one_page",
    "known_by_one_example",
    "naming_a_picture",
    "reversing_a_string",
    "sentence_completion",
    "states_and_outputs",
    "the_next_three_days",
    "words_from_their_neighbours",
)
MAX_LINES = 89
# A figure, of which "1" of "c_1" is none.
NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e[+-]\d+)?(?!\w)")
Run = Callable[..., list[str]]


@pytest.fixture
def run(project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The lines that a script prints."""
    monkeypatch.syspath_prepend(str(project / "scripts" / "learn"))

    def run_script(name: str, *flags: str) -> list[str]:
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *flags])
        capsys.readouterr()
        runpy.run_path(str(project / "scripts" / "learn" / f"{name}.py"), run_name="__main__")
        return capsys.readouterr().out.splitlines()

    return run_script


def numbers(line: str) -> list[float]:
    return [float(number) for number in NUMBER.findall(line)]


def same_figures(english: list[str], portuguese: list[str]) -> bool:
    """Whether the languages differ in the words alone, and do differ."""
    return english != portuguese and list(map(numbers, english)) == list(map(numbers, portuguese))


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_is_a_page_and_says_what_it_is_in_both_languages(project: Path, name: str) -> None:
    text = (project / "scripts" / "learn" / f"{name}.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MAX_LINES
    docstring = text.split('"""')[1]
    assert re.search(r"\b(the|and|an)\b", docstring) and re.search(r"\b(uma?|os|as|e)\b", docstring)
    readme = (project / "scripts" / "learn" / "README.md").read_text(encoding="utf-8")
    assert readme.count(f"{name}.py") >= 2, "once in English, once in Portuguese"


def test_every_script_is_tested(project: Path) -> None:
    found = {path.stem for path in (project / "scripts" / "learn").glob("*.py")}
    assert found == {"bilingual", *SCRIPTS}


@pytest.mark.parametrize("lang", ["en", "pt"])
@pytest.mark.parametrize("name", ["states_and_outputs", "forward_pass_by_hand"])
def test_the_readme_shows_what_is_printed(run: Run, project: Path, name: str, lang: str) -> None:
    printed = run(name, "--lang", lang)
    readme = (project / "scripts" / "learn" / "README.md").read_text(encoding="utf-8")
    command = f"`python scripts/learn/{name}.py" + (" --lang pt`" if lang == "pt" else "`")
    shown = readme.split(command)[1].split("```\n")[1].splitlines()
    assert len(shown) > 4 and set(shown) <= {*printed, ""}


def test_states_and_outputs(run: Run) -> None:
    lines = run("states_and_outputs")
    assert same_figures(lines, run("states_and_outputs", "--lang", "pt"))
    shapes = [
        ("return_sequences=True ", "(2, 4, 5)"),
        ("return_sequences=False", "(2, 5)"),
        ('merge_mode="concat"', "(2, 4, 10)"),
        ('merge_mode="sum"', "(2, 4, 5)"),
        ("return_state=True, h forward and backward", "(2, 2, 5)"),
        ("return_sequences=True, 2", "(2, 4, 2)"),
    ]
    for option, shape in shapes:
        assert [line.endswith(f" {shape}") for line in lines if line.startswith(f"  {option}")] == [True] * 2, option
    assert len([line for line in lines if "return_state=True, c" in line]) == 1, "of the LSTM alone"
    facts = [line for line in lines if line.endswith((": True", ": False"))]
    assert len(facts) == 10
    assert all(line.endswith(": True") for line in facts)


def test_forward_pass_by_hand(run: Run) -> None:
    lines = run("forward_pass_by_hand")
    assert same_figures(lines, run("forward_pass_by_hand", "--lang", "pt"))
    differences = [numbers(line)[0] for line in lines if "difference" in line]
    assert len(differences) == 3
    assert max(differences) < 1e-6
    # The cell of the LSTM follows from the gates that are printed.
    steps = [dict(re.findall(r"(\w+) \[(.*?)\]", line)) for line in lines if "t=" in line][:3]
    values = [{gate: list(map(float, text.split())) for gate, text in step.items()} for step in steps]
    for before, now in zip(values, values[1:], strict=False):
        assert set(now) == {"x", "i", "f", "g", "o", "c", "h"}
        cell = [f * c + i * g for f, c, i, g in zip(now["f"], before["c"], now["i"], now["g"], strict=True)]
        assert now["c"] == pytest.approx(cell, abs=3e-4)


def test_sentence_completion(run: Run) -> None:
    lines = run("sentence_completion")
    perplexities = [numbers(line)[1] for line in lines if "perplexity" in line]
    assert perplexities[0] > 15
    assert perplexities[-1] < 1.1
    assert "  'the d' → 'the dog slept by the door'" in lines
    assert "  'a b' → 'a bird sang at dawn'" in lines
    continued = {found[1]: float(found[2]) for line in lines if (found := re.match(r"  '(.)': (\S+)$", line))}
    assert continued["s"] == pytest.approx(0.5, abs=0.1)
    assert continued["r"] == pytest.approx(0.5, abs=0.1)
    sampled = lines[lines.index("Sampled from 'the cat ':") + 1 :]
    assert len(sampled) == 4
    assert all(line.startswith("  'the cat ") for line in sampled)


def test_sentence_completion_in_portuguese(run: Run) -> None:
    lines = run("sentence_completion", "--lang", "pt")
    assert "  'o c' → 'o cão dormiu na porta'" in lines
    assert "  'um p' → 'um pássaro cantou cedo'" in lines


def test_exploding_and_vanishing(run: Run) -> None:
    lines = run("exploding_and_vanishing")
    rows = {line[2:18].strip(): numbers(line[18:]) for line in lines if "   × " in line}
    factor = {name: values[-1] for name, values in rows.items()}
    assert factor["Elman, W_h × 0.5"] <= 0.5, "the bound of Pascanu et al.: the largest singular value"
    assert factor["Elman, W_h × 1"] <= 1
    assert factor["Elman, W_h × 3"] > 1
    assert factor["Elman, W_h × 0.5"] < factor["GRU, b = 0"] < factor["LSTM, b = 1, c_t"] < 1
    assert factor["GRU, b = 0"] < 0.8 < 0.9 < factor["GRU, b = 3"] < 1
    for name, values in rows.items():
        assert values[-1] == pytest.approx((values[0] / values[5]) ** (1 / 49), abs=0.01), name
    free, clipped = [numbers(line) for line in lines if "θ = " in line]
    assert free[-1] > free[-2], "thrown off"
    assert clipped[-1] < clipped[-2], "downhill"
    assert clipped[1] == pytest.approx(0.1)
    assert free[0] > 1000


def test_exploding_and_vanishing_in_portuguese(run: Run) -> None:
    assert any("corte em θ" in line for line in run("exploding_and_vanishing", "--lang", "pt"))


def rows_of_gates(lines: list[str]) -> dict[str, list[float]]:
    """Network → kept by one step, by 49, gradient at the first step, accuracies; Elman has the latter two alone."""
    return {line[2:14].strip(): numbers(line[14:].replace(" - ", "")) for line in lines[1:-1]}


def test_gates_that_stay_open(run: Run) -> None:
    lines = run("gates_that_stay_open", "--updates", "1")
    assert same_figures(lines, run("gates_that_stay_open", "--updates", "1", "--lang", "pt"))
    rows = rows_of_gates(lines)
    for family in ("LSTM", "GRU"):
        for bias in (0, 1, 3):
            kept, left = rows[f"{family}, b = {bias}"][:2]
            share = 1 / (1 + math.exp(-bias))
            assert kept == pytest.approx(share, abs=0.02)
            assert left == pytest.approx(share**49, rel=1.5 if bias else 60)
        gradients = [rows[f"{family}, b = {bias}"][2] for bias in (0, 1, 3)]
        assert gradients[0] * 100 < gradients[1] and gradients[1] * 10 < gradients[2]
    # Units of T from 2 to 50 keep 1 - 1/T each: on average 1 - log(50 / 2) / 48.
    assert rows["GRU, chrono"][0] == pytest.approx(1 - math.log(25) / 48, abs=0.02)
    assert rows["GRU, b = 0"][2] * 1000 < rows["Elman"][0], "a gate that is half open is worse than none"
    assert GruConfig().gate_bias == 0, "as the last line says"


@pytest.mark.slow
def test_a_gru_forgets_by_default_and_a_bias_mends_it(run: Run) -> None:
    lines = run("gates_that_stay_open")
    accuracies = {name: values[-3:] for name, values in rows_of_gates(lines).items()}
    for name in ("GRU, b = 0", "GRU, b = 1", "LSTM, b = 0"):
        assert max(accuracies[name]) < 0.6, name
    for name in ("GRU, b = 3", "GRU, chrono", "LSTM, b = 3"):
        assert min(accuracies[name]) > 0.95, name
    assert numbers(lines[-1]) == [0, 0, 3, 3, 3, 3], "b = 0: 0 of 3; b = 3: 3; chrono: 3"


def rows_of_one_example(lines: list[str]) -> list[tuple[float, float, float]]:
    """Accuracy, mean distance of equal and of different drawings: of pixels, untrained, pairs, triplets, in batch."""
    return [(accuracy, equal, different) for accuracy, equal, different in map(numbers, lines[1:])]


def test_known_by_one_example(run: Run) -> None:
    lines = run("known_by_one_example", "--steps", "1")
    assert same_figures(lines, run("known_by_one_example", "--steps", "1", "--lang", "pt"))
    pixels, untrained, *trained = rows_of_one_example(lines)
    assert 0.3 < pixels[0] < 0.6 and pixels[2] == pytest.approx(1.03, abs=0.02)
    assert untrained not in trained and len(trained) == 3


@pytest.mark.slow
def test_letters_never_seen_are_known_by_one_example(run: Run) -> None:
    pixels, untrained, *trained = rows_of_one_example(run("known_by_one_example"))
    for accuracy, equal, different in trained:
        assert accuracy > max(pixels[0], untrained[0]) + 0.2
        assert different > 1.4 * equal > 0
        assert different / equal > 1.1 * max(pixels[2] / pixels[1], untrained[2] / untrained[1])


def test_reversing_a_string(run: Run, tmp_path: Path) -> None:
    lines = run("reversing_a_string", "--steps", "3", "--plot", str(tmp_path / "plot.png"))
    assert same_figures(lines[1:], run("reversing_a_string", "--steps", "3", "--lang", "pt")[1:])
    assert (tmp_path / "plot.png").stat().st_size > 5000


@pytest.mark.slow
def test_strings_that_one_vector_cannot_hold_are_reversed_with_attention(run: Run) -> None:
    lines = run("reversing_a_string")
    lengths, vector, attention = (numbers(line) for line in lines[1:])
    assert lengths == [2, 4, 6, 8, 10, 12, 14, 16]
    assert vector[0] > 0.95 and vector[-2:] == [0.0, 0.0]
    assert min(attention) > 0.9


def test_naming_a_picture(run: Run) -> None:
    lines = run("naming_a_picture", "--steps", "3")
    assert same_figures(lines, run("naming_a_picture", "--steps", "3", "--lang", "pt"))
    baseline = {" ".join(line.split()[:2]): numbers(line)[1] for line in lines[1:5]}
    # The nearest training row of a known vector is the same vector; no row has the words of a new number.
    assert baseline["vector known"] == 1 and baseline["vector new"] == baseline["drawing new"] == 0
    assert 0 < baseline["drawing known"] < 1


@pytest.mark.slow
def test_new_numbers_are_named_by_words_that_are_known(run: Run) -> None:
    lines = run("naming_a_picture")
    right = {" ".join(line.split()[:2]): numbers(line) for line in lines[1:5]}
    for source, least in (("vector", 0.95), ("drawing", 0.6)):
        written, nearest = right[f"{source} new"]
        assert written > least and nearest == 0
    assert right["drawing known"][0] > 0.9 > right["drawing known"][1]
    twenty, three = (numbers(line) for line in lines[-2:])
    assert twenty[0] > 0.8 and three[2] > 0.8, "it reads the digits where they stand"


def test_the_next_three_days(run: Run, tmp_path: Path) -> None:
    lines = run("the_next_three_days", "--steps", "3", "--plot", str(tmp_path / "plot.png"))
    assert same_figures(lines, run("the_next_three_days", "--steps", "3", "--lang", "pt"))
    assert (tmp_path / "plot.png").stat().st_size > 5000
    last, week, linear, alike = ((numbers(line)) for line in lines[1:5])
    assert max(week[0], linear[0], alike[0]) < last[0] / 10, "sales have a week"
    assert last[1] == min(row[1] for row in (last, week, linear, alike)), "nothing beats the last price"
    assert last[1] == pytest.approx(2, abs=0.3), "(1 + 2 + 3) / 3"
    assert alike[2] < 0.75 * last[2], "the leak of a shuffled division"
    assert alike[1] > last[1], "is none where training ends before"
    came, repeated = (numbers(line) for line in lines[6:8])
    assert len(came) == 3 and len(set(repeated)) == 1


@pytest.mark.slow
def test_a_network_learns_the_week_and_foresees_no_price(run: Run) -> None:
    last, *_, linear, _, network = (numbers(line) for line in run("the_next_three_days")[1:6])
    assert network[0] < 0.1 * last[0] and network[0] < 1.1 * linear[0]
    assert network[1] >= last[1]


def test_a_target_at_every_step(run: Run) -> None:
    lines = run("a_target_at_every_step", "--steps", "3")
    assert same_figures(lines, run("a_target_at_every_step", "--steps", "3", "--lang", "pt"))
    frequent, chord, rule, forward, _ = (numbers(line) for line in lines[1:6])
    # The melody is known; the bass is right in 0.7 + 0.3 / 7 of the steps, one of three notes after the first steps.
    assert rule[0] == pytest.approx((2 + 0.743) / 3, abs=0.02) and rule[0] > max(frequent[0], chord[0])
    assert forward[0] == forward[1], "what comes later is not read"
    assert numbers(lines[-1])[0] < 1e-12, "padding counts for nothing"


@pytest.mark.slow
def test_a_network_that_reads_its_target_beats_the_rule(run: Run) -> None:
    _, _, rule, forward, both = (numbers(line) for line in run("a_target_at_every_step")[1:6])
    assert rule[0] - 0.02 < forward[0] < rule[0] + 0.005
    assert both[0] > rule[0] + 0.05, "it has seen what it says"
    assert both[1] < rule[0], "and knows no more where nothing comes later"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lang", "queen", "others", "asked"),
    [
        ("en", "queen", {"king", "princess", "girl", "woman"}, "king + woman − man"),
        ("pt", "rainha", {"rei", "princesa", "menina", "mulher"}, "rei + mulher − homem"),
    ],
)
def test_words_from_their_neighbours(
    run: Run, tmp_path: Path, lang: str, queen: str, others: set[str], asked: str
) -> None:
    lines = run("words_from_their_neighbours", "--lang", lang, "--plot", str(tmp_path / "plot.png"))
    assert (tmp_path / "plot.png").stat().st_size > 5000
    analogies = [line.split(asked)[1].split() for line in lines if asked in line]
    assert [found[0] for found in analogies] == [queen, queen]
    assert all(float(found[1]) > 0.8 for found in analogies)
    near = [set(line.split()[1:]) for line in lines if line.split()[0] == queen]
    assert len(near) == 2
    assert all(words & others for words in near), "somebody is among the nearest three"
    losses = [numbers(line)[0] for line in lines if "CBOW" in line or "skip-gram" in line]
    # Vectors near 0 have six times -log σ(0): for the word, and for each of five others.
    assert all(loss < 0.75 * 6 * 0.6931 for loss in losses)


def test_imdb_in_one_page(run: Run, tmp_path: Path) -> None:
    lines = run("imdb_in_one_page", "--synthetic", "--output_dir", str(tmp_path), "--lang", "pt")
    assert any(line.startswith("1500 críticas, ") for line in lines)
    (accuracy,) = [numbers(line)[0] for line in lines if line.startswith("Acurácia no teste")]
    assert accuracy > 0.9
    assert [line.split()[0] for line in lines[-2:]] == ["positive", "negative"]


def test_imdb_in_one_page_wants_both_files(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run("imdb_in_one_page", "--train_file", "train.parquet")
    assert "`--train_file`, `--test_file`" in capsys.readouterr().err
