"""The conditional random field against every path written out, and which label may follow which."""

from __future__ import annotations

import itertools

import pytest
import torch

from hf_rnn.models.crf import FORBIDDEN, ConditionalRandomField, allowed_transitions


BIO = ["O", "B-A", "I-A", "B-B", "I-B"]
BIOES = ["O", "B-A", "I-A", "E-A", "S-A"]
LENGTHS = torch.tensor([5, 3, 0, 1])
MASK = torch.arange(5) < LENGTHS.unsqueeze(1)


def build(rules: str | None) -> tuple[ConditionalRandomField, torch.Tensor]:
    torch.manual_seed(0)
    allowed = None if rules is None else allowed_transitions(BIO if rules == "BIO" else BIOES, rules)
    crf = ConditionalRandomField(5, allowed).double()
    for parameter in crf.parameters():
        parameter.data.normal_()
    return crf, torch.randn(4, 5, 5, dtype=torch.float64, requires_grad=True)


def every_path(crf: ConditionalRandomField, emissions: torch.Tensor) -> tuple[list[tuple[int, ...]], torch.Tensor]:
    """The allowed paths over one sentence (time, labels), and their scores."""
    paths, scores = [], []
    for path in itertools.product(range(5), repeat=len(emissions)):
        moves = list(itertools.pairwise(path))
        if path:
            legal = crf.start_allowed[path[0]] and crf.end_allowed[path[-1]]
            if not (legal and all(crf.transition_allowed[move] for move in moves)):
                continue
        score = sum((emissions[t, label] for t, label in enumerate(path)), torch.zeros((), dtype=torch.float64))
        if path:
            score = score + crf.start[path[0]] + crf.end[path[-1]] + sum(crf.transition[move] for move in moves)
        paths.append(path)
        scores.append(score)
    return paths, torch.stack(scores)


@pytest.mark.parametrize("rules", [None, "BIO", "BIOES"])
def test_equals_every_path_written_out(rules):
    crf, emissions = build(rules)
    partition, marginals = crf.log_partition(emissions, MASK), crf.marginals(emissions, MASK)
    log_marginals = crf.log_marginals(emissions, MASK)
    max_marginals, (best, scores) = crf.max_marginals(emissions, MASK), crf.best_paths(emissions, MASK, 7)
    viterbi, _ = crf.viterbi(emissions, MASK)
    for row, length in enumerate(LENGTHS.tolist()):
        paths, wanted = every_path(crf, emissions[row, :length])
        torch.testing.assert_close(partition[row], wanted.logsumexp(0))
        for t, label in itertools.product(range(length), range(5)):
            through = torch.tensor([path[t] == label for path in paths])
            torch.testing.assert_close(marginals[row, t, label], wanted.softmax(0)[through].sum(), atol=1e-12, rtol=0)
            if through.any():
                log_marginal = wanted.log_softmax(0)[through].logsumexp(0)
                torch.testing.assert_close(log_marginals[row, t, label], log_marginal)
                torch.testing.assert_close(max_marginals[row, t, label], wanted[through].max() - wanted.max())
            else:
                assert max_marginals[row, t, label] < -1000
                assert log_marginals[row, t, label] < FORBIDDEN / 2
        order = wanted.argsort(descending=True)[:7].tolist()
        torch.testing.assert_close(scores[row, : len(order)], wanted[order])
        assert [tuple(path[:length]) for path in best[row, : len(order)].tolist()] == [paths[i] for i in order]
        assert scores[row, len(order) :].eq(-torch.inf).all() and best[row, len(order) :].eq(-100).all()
        assert (
            viterbi[row, :length].tolist() == max_marginals[row, :length].argmax(1).tolist() == list(paths[order[0]])
        )
        assert viterbi[row, length:].eq(-100).all()


@pytest.mark.parametrize("rules", [None, "BIO", "BIOES"])
def test_likelihood_and_its_gradient(rules):
    crf, emissions = build(rules)
    labels = crf.viterbi(emissions, MASK)[0]
    likelihood = crf(emissions, labels, MASK)
    for row, length in enumerate(LENGTHS.tolist()):
        wanted = every_path(crf, emissions[row, :length])[1]
        torch.testing.assert_close(likelihood[row], wanted.max() - wanted.logsumexp(0))
    (gradient,) = torch.autograd.grad(likelihood.sum(), emissions, retain_graph=True)
    taken = torch.nn.functional.one_hot(labels.clamp(min=0), 5) * MASK.unsqueeze(2)
    torch.testing.assert_close(gradient, taken - crf.marginals(emissions, MASK))
    assert torch.autograd.gradcheck(lambda scores: crf.log_partition(scores, MASK), emissions)
    for of_parameter in torch.autograd.grad(likelihood.sum(), list(crf.parameters())):
        assert of_parameter.isfinite().all()


def test_what_is_all_but_impossible_still_has_a_gradient():
    crf, emissions = build("BIO")
    far = (emissions.detach().float() * 1000).requires_grad_()
    crf = crf.float()
    assert (crf.marginals(far, MASK)[MASK] == 0).any()
    log_marginals = crf.log_marginals(far, MASK)
    (gradient,) = torch.autograd.grad(log_marginals[MASK].sum(), far)
    assert log_marginals.isfinite().all() and gradient.isfinite().all()
    assert log_marginals[~MASK].eq(0).all()


@pytest.mark.parametrize("rules", [None, "BIO", "BIOES"])
def test_what_is_not_labelled_is_summed_over(rules):
    crf, emissions = build(rules)
    labels = crf.viterbi(emissions, MASK)[0]
    hidden = labels.clone()
    hidden[0, 1:3], hidden[1, 2] = -100, -100
    # The same as sets of labels, and one step that may have either of two.
    possible = (hidden.unsqueeze(2) == torch.arange(5)) | (hidden == -100).unsqueeze(2)
    either = possible.clone()
    either[0, 4, 0], either[3, 0, 0] = True, True
    every = [every_path(crf, emissions[row, :length]) for row, length in enumerate(LENGTHS.tolist())]
    for given, as_set in ((hidden, possible), (possible, possible), (either, either)):
        actual = crf(emissions, given, MASK)
        wanted = []
        for row, (paths, scores) in enumerate(every):
            agree = [all(as_set[row, t, label] for t, label in enumerate(path)) for path in paths]
            wanted.append(scores[torch.tensor(agree)].logsumexp(0) - scores.logsumexp(0))
        torch.testing.assert_close(actual, torch.stack(wanted))
        of_parameters = torch.autograd.grad(actual.sum(), list(crf.parameters()))
        wanted_gradients = torch.autograd.grad(sum(wanted), list(crf.parameters()), retain_graph=True)
        for own, reference in zip(of_parameters, wanted_gradients, strict=True):
            torch.testing.assert_close(own, reference)
    assert torch.equal(crf(emissions, torch.full_like(labels, -100), MASK), torch.zeros(4, dtype=torch.float64))


def test_what_stands_at_the_padding_changes_nothing():
    crf, emissions = build("BIO")
    dirty = emissions.detach().masked_fill(~MASK.unsqueeze(2), 50.0)
    labels = crf.viterbi(emissions, MASK)[0]
    torch.testing.assert_close(crf(dirty, labels, MASK), crf(emissions, labels, MASK))
    torch.testing.assert_close(crf.max_marginals(dirty, MASK), crf.max_marginals(emissions, MASK))


def test_forbidden_labels_are_refused():
    crf, emissions = build("BIO")
    labels = torch.zeros(4, 5, dtype=torch.long)
    labels[1, 2] = BIO.index("I-A")
    with pytest.raises(ValueError, match="`labels` of sentence 1 of the batch go through what the scheme"):
        crf(emissions, labels, MASK)
    labels[1, 2], labels[3, 0] = 0, BIO.index("I-B")
    with pytest.raises(ValueError, match="`labels` of sentence 3 of the batch start with"):
        crf(emissions, labels, MASK)
    with pytest.raises(ValueError, match="`k`=0 must be at least 1"):
        crf.best_paths(emissions, MASK, 0)
    with pytest.raises(ValueError, match=r"`allowed` holds \(5,\) for start; with `num_labels`=4"):
        ConditionalRandomField(4, allowed_transitions(BIO, "BIO"))


def test_bio():
    start, transition, end = allowed_transitions(BIO, "BIO")
    assert start.tolist() == [True, True, False, True, False] and end.all()
    into = {BIO[label]: [BIO[before] for before in transition[:, label].nonzero().flatten()] for label in range(5)}
    assert into == {"O": BIO, "B-A": BIO, "I-A": ["B-A", "I-A"], "B-B": BIO, "I-B": ["B-B", "I-B"]}


def test_bioes():
    start, transition, end = allowed_transitions(BIOES, "BIOES")
    assert [BIOES[i] for i in start.nonzero().flatten()] == ["O", "B-A", "S-A"]
    assert [BIOES[i] for i in end.nonzero().flatten()] == ["O", "E-A", "S-A"]
    after = {BIOES[label]: [BIOES[i] for i in transition[label].nonzero().flatten()] for label in range(5)}
    closed = ["O", "B-A", "S-A"]
    assert after == {"O": closed, "B-A": ["I-A", "E-A"], "I-A": ["I-A", "E-A"], "E-A": closed, "S-A": closed}


@pytest.mark.parametrize("label", ["PER", "B", "O-PER", "E-PER", ""])
def test_labels_of_another_scheme_are_refused(label):
    with pytest.raises(ValueError, match=f"`labels` holds {label!r}, which is no label of BIO"):
        allowed_transitions(["O", label], "BIO")


def test_an_unknown_scheme_is_refused():
    with pytest.raises(ValueError, match="`scheme`='IOB1' must be one of BIO, BIOES"):
        allowed_transitions(BIO, "IOB1")


@pytest.mark.parametrize(("label", "scheme"), [("I-A", "BIO"), ("E-A", "BIOES")])
def test_a_label_that_nothing_leads_to_is_refused(label, scheme):
    with pytest.raises(ValueError, match=f"`labels` holds {label}, which nothing leads to without B-A"):
        allowed_transitions(["O", "B-B", label], scheme)
