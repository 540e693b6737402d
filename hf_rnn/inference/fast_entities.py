"""Joins the labels of tokens into entities, as transformers' pipeline does with `aggregation_strategy="simple"`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tokenizers import Encoding


__all__ = ["EntityReader"]


class EntityReader:
    """Args:
    tokenizer: A tokenizer of transformers, over one of the library tokenizers.
    labels: The names of the labels, in their order.
    """

    def __init__(self, tokenizer: Any, labels: Sequence[str]) -> None:
        self._spell = tokenizer.convert_tokens_to_string
        self._unknown = tokenizer.unk_token_id
        # Of each label whether it begins an entity of its own, what it has to share with the label before to go on
        # with it, and the name of the group.
        self._begins = [label.startswith("B-") for label in labels]
        self._types = [label[2:] if label[:2] in ("B-", "I-") else label for label in labels]
        self._names = [label.split("-", 1)[-1] for label in labels]

    def __call__(
        self, text: str, encoding: Encoding, best: Sequence[int], probabilities: Sequence[float]
    ) -> list[dict[str, Any]]:
        """The entities of `text`, of the label and its probability of each of its tokens."""
        groups: list[list[int]] = []
        before = None
        for token, special in enumerate(encoding.special_tokens_mask):
            if special:
                continue
            label = best[token]
            if before is not None and not self._begins[label] and self._types[label] == self._types[before]:
                groups[-1].append(token)
            else:
                groups.append([token])
            before = label
        found = [group for group in groups if self._names[best[group[0]]] != "O"]
        if not found:
            return []
        ids, tokens, offsets = encoding.ids, encoding.tokens, encoding.offsets
        return [
            {
                "entity_group": self._names[best[group[0]]],
                "score": sum(probabilities[token] for token in group) / len(group),
                # An unknown token is written as it stands in the text.
                "word": self._spell(
                    [text[slice(*offsets[token])] if ids[token] == self._unknown else tokens[token] for token in group]
                ),
                "start": offsets[group[0]][0],
                "end": offsets[group[-1]][1],
            }
            for group in found
        ]
