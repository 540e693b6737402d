"""Two texts in one sequence: what stands around each, what tells them apart, and what is saved."""

from __future__ import annotations

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from hf_rnn.data.tokenizers.pair_template import with_pair_template
from hf_rnn.data.tokenizers.training import train_tokenizer


TEXTS = ["a fine film", "dull , dull , dull"]


def around(kind: str) -> PreTrainedTokenizerFast:
    """A tokenizer of words with special tokens around a text, as BERT's and RoBERTa's have them."""
    vocab = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "fine": 4, "film": 5}
    tokenizer = Tokenizer(models.WordLevel(vocab, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    processor = {"bert": processors.BertProcessing, "roberta": processors.RobertaProcessing}[kind]
    tokenizer.post_processor = processor(("[SEP]", 3), ("[CLS]", 2))
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    )


@pytest.mark.parametrize("kind", ["word", "bpe", "character", "bert", "roberta"])
def test_each_text_is_as_it_is_alone(kind, tmp_path):
    if kind in ("bert", "roberta"):
        tokenizer = around(kind)
    else:
        tokenizer = train_tokenizer(TEXTS, kind=kind, vocab_size=300, min_frequency=1, show_progress=False)
    names = list(tokenizer.model_input_names)
    paired = with_pair_template(tokenizer)
    paired.save_pretrained(tmp_path)
    for found in (paired, AutoTokenizer.from_pretrained(tmp_path)):
        pair = found("fine film", "film")
        ids_a, ids_b = tokenizer("fine film")["input_ids"], tokenizer("film")["input_ids"]
        assert list(pair) == ["input_ids", "token_type_ids", "attention_mask"]
        assert pair["input_ids"] == ids_a + ids_b
        assert pair["token_type_ids"] == [0] * len(ids_a) + [1] * len(ids_b)
        alone = found("fine film", return_offsets_mapping=True)
        assert alone["input_ids"] == ids_a and alone["token_type_ids"] == [0] * len(ids_a)
        assert alone["offset_mapping"] == tokenizer("fine film", return_offsets_mapping=True)["offset_mapping"]
    # The one that was given is as it was.
    assert tokenizer.model_input_names == names


def test_both_texts_are_cut():
    paired = with_pair_template(around("bert"))
    found = paired("fine film fine", "film film film", truncation=True, max_length=8)
    assert found["input_ids"] == [2, 4, 5, 3, 2, 5, 5, 3]


def test_another_tokenizer_is_refused():
    with pytest.raises(ValueError, match="`tokenizer` is a str; it must be a fast one"):
        with_pair_template("bert")
