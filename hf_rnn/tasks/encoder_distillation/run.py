"""The distillation of an encoder, from unlabelled sentences to a folder that `from_pretrained` reads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import datasets
import torch
from transformers import AutoTokenizer, PreTrainedTokenizerBase
from transformers.trainer_utils import get_last_checkpoint, set_seed
from transformers.utils import logging

from ...data.tokenizers.word_pieces import split_words, train_word_pieces
from ...data.tokenizers.word_vocabulary import spell_tokens
from ...runs.describe import non_default_arguments
from ...training.arguments import RecurrentTrainingArguments
from ...training.clock import TrainingClock
from ...training.resuming.interruption import SAME_COMMAND
from ...training.trainer import RecurrentTrainer
from ..word_vectors import VectorSources
from .arguments import EncoderDistillationArguments
from .corpus import read_sentences, with_slips
from .student import LessonCollator, Student, new_encoder
from .teaching import Lessons, Teacher, write_lessons
from .word_table import choose_vocabulary, first_vectors


__all__ = ["distil_encoder"]


logger = logging.get_logger(__name__)

SENTENCES_FILE = "sentences.json"
TOKENIZER_FOLDER = "tokenizer"
LESSONS_FOLDER = "lessons"
STUDENT_FOLDER = "student"
RESULTS_FILE = "distillation.json"
# Sentences that the student never reads, on which it is measured.
HELD_OUT = 2000
FEWEST = 10
WARMUP_STEPS = 200
SAVE_STEPS = 200


def distil_encoder(arguments: EncoderDistillationArguments) -> dict[str, Any]:
    """Have a new encoder learn what the teacher says of the sentences; a run that was stopped goes on.

    `OUTPUT_DIR` ends with the encoder, or with `keep_projection` a siamese network around it, float32, its tokenizer
    and `distillation.json`.

    Returns:
        The document in `distillation.json`: the arguments, the sentences, the minutes of the student, and its figures
        on sentences that were held out.
    """
    set_seed(arguments.seed)
    folder = Path(arguments.output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    sentences, tokenizer = _sentences(arguments, folder)
    teacher = Teacher(arguments.teacher, tokenizer, prefix=arguments.teacher_prefix)
    lessons = write_lessons(teacher, sentences, folder / LESSONS_FOLDER, arguments.state_size, arguments.seed)
    if arguments.centre_vectors:
        lessons = lessons.centred()
    student = _new_student(arguments, sentences, tokenizer, teacher, lessons)
    rows = _rows(sentences, tokenizer, lessons, arguments.seed)
    held_out = min(HELD_OUT, len(rows) // FEWEST)
    if not held_out:
        raise ValueError(f"`texts` hold {len(rows)} different sentences; it must be at least {FEWEST} of them.")
    trainer = RecurrentTrainer(
        student,
        _training(arguments, folder),
        data_collator=LessonCollator(tokenizer, lessons),
        train_dataset=rows.select(range(held_out, len(rows))),
        eval_dataset=rows.select(range(held_out)),
        callbacks=[TrainingClock()],
    )
    trainer.how_to_go_on = SAME_COMMAND
    trainer.train(resume_from_checkpoint=get_last_checkpoint(str(folder / STUDENT_FOLDER)))
    results = {
        "teacher": arguments.teacher_id or arguments.teacher,
        "arguments": non_default_arguments(arguments),
        "sentences": {"train": len(rows) - held_out, "held_out": held_out},
        "parameters": student.encoder.num_parameters(),
        "minutes": round(_clock(trainer).minutes, 1),
        "steps": trainer.state.global_step,
        "held_out": _measure(trainer),
    }
    (student.compared() if arguments.keep_projection else student.encoder).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    text = json.dumps(results, indent=2, ensure_ascii=False) + "\n"
    (folder / RESULTS_FILE).write_text(text, encoding="utf-8")
    return results


def _clock(trainer: RecurrentTrainer) -> TrainingClock:
    # A resumed trainer has put the clock of its checkpoint in place of the one it was given.
    return next(item for item in trainer.callback_handler.callbacks if isinstance(item, TrainingClock))


def _sentences(arguments: EncoderDistillationArguments, folder: Path) -> tuple[list[str], PreTrainedTokenizerBase]:
    path = folder / SENTENCES_FILE
    of = {name: getattr(arguments, name) for name in ("texts", "seed", "piece_vocab_size")}
    if path.is_file():
        known = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(known, dict) or known["of"] != of:
            raise ValueError(
                f"`output_dir`={arguments.output_dir!r} has the sentences of another run, with other `texts`, `seed` "
                "or `piece_vocab_size`. Remove it, or name another folder."
            )
        sentences: list[str] = known["sentences"]
        tokenizer = AutoTokenizer.from_pretrained(folder / TOKENIZER_FOLDER)
    else:
        sentences = read_sentences(arguments.texts, arguments.seed)
        cut = [[text[start:end] for start, end in split_words(text)] for text in sentences]
        tokenizer = train_word_pieces(cut, vocab_size=arguments.piece_vocab_size, show_progress=False)
        tokenizer.save_pretrained(folder / TOKENIZER_FOLDER)
        path.write_text(json.dumps({"of": of, "sentences": sentences}, ensure_ascii=False), encoding="utf-8")
    logger.warning("%s sentences; a tokenizer of %s pieces.", f"{len(sentences):,}", f"{len(tokenizer):,}")
    return sentences, tokenizer


def _new_student(
    arguments: EncoderDistillationArguments,
    sentences: Sequence[str],
    tokenizer: PreTrainedTokenizerBase,
    teacher: Teacher,
    lessons: Lessons,
) -> Student:
    vectors = None if arguments.word_vectors is None else VectorSources.of(arguments.word_vectors, None).read()
    spelt = (text[start:end] for text in sentences for start, end in teacher.spans(text))
    words = choose_vocabulary(spelt, arguments.word_vocab_size - 1, vectors)
    table = first_vectors(words, arguments.embedding_size, teacher, vectors)
    return Student(
        new_encoder(arguments, tokenizer, words, table),
        lessons.vectors.shape[1],
        lessons.states.shape[1],
        arguments.state_weight,
        arguments.similarity_weight,
    )


def _rows(
    sentences: Sequence[str], tokenizer: PreTrainedTokenizerBase, lessons: Lessons, seed: int
) -> datasets.Dataset:
    """The tokens of every sentence that has a word, with the `number` under which its lessons stand. A sentence that
    a slip of the keyboard would cut into other words is read as it is.
    """
    starts = spell_tokens(tokenizer)[1]
    clean = tokenizer(list(sentences), add_special_tokens=False)["input_ids"]
    slips = tokenizer(with_slips(sentences, seed), add_special_tokens=False)["input_ids"]
    counts = lessons.starts[1:] - lessons.starts[:-1]
    rows = [
        (number, slipped if sum(starts[token] for token in slipped) == count else ids)
        for number, (ids, slipped, count) in enumerate(zip(clean, slips, counts, strict=True))
        if count
    ]
    numbers, ids = zip(*rows, strict=True)
    return datasets.Dataset.from_dict({"number": numbers, "input_ids": ids, "length": list(map(len, ids))})


def _training(arguments: EncoderDistillationArguments, folder: Path) -> RecurrentTrainingArguments:
    return RecurrentTrainingArguments(
        output_dir=str(folder / STUDENT_FOLDER),
        num_train_epochs=arguments.num_train_epochs,
        per_device_train_batch_size=arguments.batch_size,
        per_device_eval_batch_size=arguments.batch_size,
        learning_rate=arguments.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=WARMUP_STEPS,
        weight_decay=0.01,
        eval_strategy="no",
        save_strategy="steps",
        save_steps=SAVE_STEPS,
        save_total_limit=1,
        load_best_model_at_end=False,
        prediction_loss_only=True,
        remove_unused_columns=False,
        logging_steps=50,
        seed=arguments.seed,
    )


@torch.inference_mode()
def _measure(trainer: RecurrentTrainer) -> dict[str, float]:
    """The parts of the loss on the sentences that were held out, and the cosine with the teacher's vector."""
    student: Any = trainer.model
    student.eval()
    found: dict[str, float] = {}
    count = 0
    for batch in trainer.get_eval_dataloader():
        parts, size = student(**batch), len(batch["input_ids"])
        count += size
        for name in ("sentence", "state", "pairs"):
            found[name] = found.get(name, 0.0) + size * parts[name].item()
    means = {name: round(total / count, 4) for name, total in found.items()}
    return {"cosine_with_teacher": round(1 - means.pop("sentence"), 4), **means}
