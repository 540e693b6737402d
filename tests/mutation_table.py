"""The ways in which the guarded code is broken, each by a description that a marker `reliability` names."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutation:
    """Attributes:
    file: What is changed.
    old: What stands there, once.
    new: What takes its place.
    tests: Arguments for pytest: what has to fail.
    """

    file: str
    old: str
    new: str
    tests: str


FINGERPRINT = "hf_rnn/runs/fingerprint.py"
INTERRUPTION = "hf_rnn/training/resuming/interruption.py"
CHANGED_RUNS = "tests/faults/test_changed_runs.py"
SIGNALS = "tests/faults/test_signals.py"
SAFE_TRAINER = "hf_rnn/training/safe_trainer.py"
TRAINER = "hf_rnn/training/trainer.py"
TOKENIZERS = "hf_rnn/data/tokenizers/training.py"
BACKBONE = "hf_rnn/models/backbone.py"
HOSTILE = "tests/security/test_configurations.py"
PICKLES = "tests/security/test_pickles.py"

# Description → what is done; those that change a test stand for a guard of transformers, which is not ours to change.
MUTATIONS: dict[str, Mutation] = {
    # runs that go on
    "checkpoints of other arguments gone on from": Mutation(
        FINGERPRINT, "    if found:\n", "    if False:\n", f"{CHANGED_RUNS} -k changed_flag"
    ),
    "checkpoints of other files gone on from": Mutation(
        "hf_rnn/tasks/given.py", '"files": files}', '"files": {}}', f"{CHANGED_RUNS} -k changed_rows"
    ),
    "the facts of a trainer not compared": Mutation(
        SAFE_TRAINER,
        "            check_fingerprint(checkpoint, self._facts)\n",
        "            pass\n",
        f"{CHANGED_RUNS} -k of_a_program",
    ),
    "the checkpoint of a signal left out": Mutation(
        INTERRUPTION,
        "        control.should_save = True\n",
        "        pass\n",
        f"{SIGNALS} -k program",
    ),
    "transformers' own handler of SIGTERM left in place": Mutation(
        INTERRUPTION, "    _take_away_jit(trainer)\n    handles", "    handles", f"{SIGNALS} -k jit"
    ),
    "each process heeds its own signals alone": Mutation(
        INTERRUPTION, "        if self.trainer.args.world_size > 1:\n", "        if False:\n", f"{SIGNALS} -m slow"
    ),
    # files
    "vectors of 0 and 1 read as lists of class numbers": Mutation(
        "hf_rnn/data/readers/label_forms.py",
        "(size := sizes.pop()) > 1",
        "(size := sizes.pop()) > 99",
        "tests/properties/test_labelled_files.py",
    ),
    # transformers' own tests
    "the cells left out of `_init_weights`": Mutation(
        BACKBONE, "isinstance(module, Cell | Cond", "isinstance(module, Cond", "tests/upstream -k ElmanForCausalLM"
    ),
    "beams that do not reorder the state": Mutation(
        "hf_rnn/models/cache_rnn.py",
        "self._apply(lambda part: part.index_select(0, beam_idx.to(part.device)))",
        "pass",
        "tests/upstream -k LstmForCausalLM",
    ),
    "`labels` before `shift_labels`": Mutation(
        "hf_rnn/models/losses.py",
        'tokens, name = (labels, "labels") if shift_labels is None else',
        'shift_labels = None if labels is not None else shift_labels\n    tokens, name = (labels, "labels") if labels '
        "is not None else",
        "tests/upstream -k GruForCausalLM",
    ),
    "ids without an attention mask": Mutation(
        TOKENIZERS,
        'model_input_names=["input_ids", "attention_mask"]',
        'model_input_names=["input_ids"]',
        "tests/upstream/test_tokenizers.py",
    ),
    # Properties
    "the mean over the padded width": Mutation(
        "hf_rnn/models/pooling.py",
        "features.sum(1) / steps.lengths.clamp(min=1).unsqueeze(1).to(features.dtype)",
        "features.sum(1) / max(1, features.shape[1])",
        "tests/properties/test_models.py -k neighbours",
    ),
    "lengths that are sorted beside rows that are not": Mutation(
        "hf_rnn/models/pooling.py",
        "steps.lengths.clamp(min=1).unsqueeze(1)",
        "steps.lengths.clamp(min=1).sort().values.unsqueeze(1)",
        "tests/properties/test_models.py -k order_of_a_batch",
    ),
    "the state that is given left out": Mutation(
        BACKBONE,
        "states = _states(start, len(self.layers))",
        "states = _states(None, len(self.layers))",
        "tests/properties/test_models.py -k pieces",
    ),
    "no look at whether there is a prompt": Mutation(
        "hf_rnn/models/generation_rnn.py",
        'if inputs is None and model_kwargs.get("inputs_embeds") is None and bos_token_id is None:',
        "if False:",
        "tests/properties/test_pipelines.py -m '' -k any_text",
    ),
    "a configuration that halves its `dropout` when it is made": Mutation(
        "hf_rnn/models/configuration_recurrent.py",
        "        super().__post_init__(**kwargs)",
        "        self.dropout = self.dropout / 2\n        super().__post_init__(**kwargs)",
        "tests/properties/test_configurations.py -k survives",
    ),
    "weights saved in half precision": Mutation(
        BACKBONE,
        "return super().save_pretrained(save_directory, *args, **kwargs)",
        'return super().save_pretrained(save_directory, *args, **{"state_dict": {name: weight.half() for name, weight '
        "in self.state_dict().items()}, **kwargs})",
        "tests/properties/test_configurations.py -k answers_as_before",
    ),
    "a maximum in place of the log-sum-exp of the forward recursion": Mutation(
        "hf_rnn/models/crf.py",
        "self._reach(*one, torch.logsumexp, mask)",
        "self._reach(*one, torch.amax, mask)",
        "tests/properties/test_crf.py",
    ),
    "byte pairs that begin without the 256 bytes": Mutation(
        TOKENIZERS,
        "initial_alphabet=pre_tokenizers.ByteLevel.alphabet()",
        "initial_alphabet=[]",
        "tests/properties/test_tokenizers.py -k any_text",
    ),
    "comments before a sentence that are told by their hash alone": Mutation(
        "hf_rnn/data/readers/tagged/column_file.py",
        "if not text.startswith(COMMENT) or layout.is_row(text):",
        "if not text.startswith(COMMENT):",
        "tests/properties/test_tagged_files.py",
    ),
    "the padding token in place of the unknown one": Mutation(
        TOKENIZERS,
        "tokenizer = Tokenizer(models.WordLevel(unk_token=UNK_TOKEN))",
        "tokenizer = Tokenizer(models.WordLevel(unk_token=PAD_TOKEN))",
        "tests/properties/test_tokenizers.py -m slow -k megabyte",
    ),
    "half a surrogate pair let through": Mutation(
        TOKENIZERS, "if LONE_SURROGATE.search(text):", "if False:", "tests/properties/test_tokenizers.py -k surrogate"
    ),
    "a text of 50,000 tokens or more divided by zero": Mutation(
        "hf_rnn/models/pooling.py",
        "steps.lengths.clamp(min=1).unsqueeze(1)",
        "(steps.lengths * (steps.lengths < 50_000)).unsqueeze(1)",
        "tests/properties/test_pipelines.py -m slow -k megabyte",
    ),
    # Faults
    "the unfinished checkpoint is not removed": Mutation(
        SAFE_TRAINER, "shutil.rmtree(folder, ignore_errors=True)", "pass", "tests/faults/test_disk_full.py"
    ),
    "the error of the library is raised as it is": Mutation(
        SAFE_TRAINER,
        "except (OSError, RuntimeError, SafetensorError) as error:",
        "except KeyboardInterrupt as error:",
        "tests/faults/test_disk_full.py",
    ),
    "`bundled` does not check the checksums": Mutation(
        "hf_rnn/bundles.py",
        "    check_files(folders[name])\n",
        "",
        "tests/faults/test_damage.py -k bundled_checkpoint_is_refused",
    ),
    "`check_checkpoint` does not check the checksums": Mutation(
        "hf_rnn/runs/checkpoints.py",
        "    check_files(folder)\n",
        "",
        "tests/faults/test_damage.py -k left_out_and_refused",
    ),
    "`check_checkpoint` left out of `train`": Mutation(
        SAFE_TRAINER,
        "                check_checkpoint(resume_from_checkpoint)",
        "                pass",
        "tests/faults/test_damage.py -k trainer_refuses",
    ),
    "`check_files` left out of `_load_best_model`": Mutation(
        SAFE_TRAINER,
        "        check_files(str(self.state.best_model_checkpoint))\n",
        "",
        "tests/faults/test_damage.py -k trainer_refuses",
    ),
    "`check_source` does nothing": Mutation(
        "hf_rnn/checksums.py",
        "    if Path(name_or_path).is_dir():\n        check_files",
        "    if False:\n        check_files",
        "tests/faults/test_damage.py -k folder_without",
    ),
    "the error of safetensors passed on as it is": Mutation(
        "hf_rnn/models/weight_files.py",
        "        except SafetensorError as error:\n            place",
        "        except KeyboardInterrupt as error:\n            place",
        "tests/faults/test_damage.py -k named_by_from",
    ),
    "`_require_finite` does nothing": Mutation(
        SAFE_TRAINER, "if not math.isfinite(value):", "if False:", "tests/faults/test_not_finite.py"
    ),
    "the lock is not acquired": Mutation(
        "hf_rnn/runs/lock.py", "lock.acquire(blocking=False)", "pass", "tests/faults/test_one_process.py"
    ),
    "the checkpoint with the highest number resumed, whole or not": Mutation(
        "hf_rnn/runs/checkpoints.py",
        "            check_checkpoint(folder)\n        except",
        "            pass\n        except",
        "tests/faults/test_kills.py -k half_written",
    ),
    "a resumed epoch begun anew": Mutation(
        SAFE_TRAINER,
        "                return super().train(resume_from_checkpoint, trial, *args, **kwargs)",
        "                self.args.ignore_data_skip = True\n"
        "                return super().train(resume_from_checkpoint, trial, *args, **kwargs)",
        "tests/faults/test_kills.py -m slow -k random",
    ),
    "streams resumed with a state of zeros": Mutation(
        "hf_rnn/training/language_model_trainer.py",
        "self._states = _caches(load_file(path))",
        "self._states = _caches({name: 0 * value for name, value in load_file(path).items()})",
        "tests/faults/test_kills.py -m slow -k carried",
    ),
    # Security
    "pickles read with `weights_only=False`": Mutation(
        PICKLES,
        "SAFE = ",
        "_load = torch.load\ntorch.load = lambda *args, **kwargs: _load(*args, **{**kwargs, 'weights_only': False})\n"
        "SAFE = ",
        f"{PICKLES} -k 'no_way_in or resuming'",
    ),
    "pickled weights taken in place of safetensors": Mutation(
        "hf_rnn/models/weight_files.py",
        "super().from_pretrained(pretrained_model_name_or_path, *args, **kwargs)",
        'super().from_pretrained(pretrained_model_name_or_path, *args, **{**kwargs, "use_safetensors": False})',
        f"{PICKLES} -k 'beside or bundled'",
    ),
    "arrays read with `allow_pickle=True`": Mutation(
        "hf_rnn/data/vectors.py",
        'np.load(file, mmap_mode="r", allow_pickle=False)',
        "np.load(file, allow_pickle=True)",
        f"{PICKLES} -k 'arrays_of or files_of_data'",
    ),
    "`import pickle` in `data/files.py`": Mutation(
        "hf_rnn/data/readers/files.py",
        "from __future__ import annotations\n",
        "from __future__ import annotations\n\nimport pickle\n",
        "tests/security/test_rules.py",
    ),
    "a first row that is taken for names without a word": Mutation(
        "hf_rnn/data/readers/tables/headers.py",
        "    return True, bool(named) or (filled",
        "    return True, True or (filled",
        "tests/properties/test_files.py -k exactly",
    ),
    "a field `vocab_file` of the configuration": Mutation(
        "hf_rnn/models/configuration_recurrent.py",
        "    vocab_size: int | None = 20000\n",
        "    vocab_size: int | None = 20000\n    vocab_file: str | None = None\n",
        "tests/security/test_rules.py -k name_a_file",
    ),
    "consent to the code of the folder": Mutation(
        HOSTILE,
        '[{}, {"trust_remote_code": False}]',
        '[{"trust_remote_code": True}, {"trust_remote_code": True}]',
        f"{HOSTILE} -k without_consent",
    ),
    "consent to a type that the folder brings": Mutation(
        HOSTILE,
        "            load(folder, trust_remote_code=False)",
        "            load(folder, trust_remote_code=True)",
        f"{HOSTILE} -k unknown_type",
    ),
    "consent of a stranger": Mutation(
        HOSTILE,
        'for trust in ({}, {"trust_remote_code": False}):',
        'for trust in ({}, {"trust_remote_code": True}):',
        f"{HOSTILE} -k stranger",
    ),
    "a tokenizer looked for where the tokenizer's configuration says it was": Mutation(
        "hf_rnn/models/encoding.py",
        "AutoTokenizer.from_pretrained(model.name_or_path, **model.place)",
        "AutoTokenizer.from_pretrained(__import__('json').load(open(f'{model.name_or_path}/tokenizer_config.json'))"
        "['name_or_path'])",
        f"{HOSTILE} -k elsewhere_is_read",
    ),
    # Distributed
    "accelerate's own sharing, which fills the last batch with the first rows": Mutation(
        "hf_rnn/training/shared_batches.py",
        "    if isinstance(shard, BatchSamplerShard):",
        "    if False:",
        "tests/training/test_shared_batches.py",
    ),
    "accelerate's own sharing of the batches of a run": Mutation(
        TRAINER,
        "        share_batches(loader, self.args.train_batch_size)\n",
        "",
        "tests/training/test_distributed.py -m slow -k learn_what_one_does",
    ),
    "gradients that are not exchanged": Mutation(
        TRAINER,
        "            return step()\n",
        "            with self.accelerator.no_sync(self.model_wrapped):\n                return step()\n",
        "tests/training/test_distributed.py -m slow -k 'same_weights or machines'",
    ),
    "every process writes the card and prints the figures": Mutation(
        "hf_rnn/cli/train.py",
        "    if training.process_index == 0:\n",
        "    if True:\n",
        "tests/training/test_distributed.py -m slow -k writes_and_prints",
    ),
    "no look at the environment of the launcher": Mutation(
        "hf_rnn/runs/writers.py",
        "if world_size == 1 and by_accelerate and not named:",
        "if False:",
        "tests/training/test_distributed.py -m slow -k told_of",
    ),
    # Accumulation
    "the loss of stock models and siamese networks as a plain mean of micro-batches": Mutation(
        "hf_rnn/training/step_loss.py",
        "if num_items_in_batch is None or not self._loss_is_mean or self.compute_loss_func is not None:",
        "if True:",
        "tests/training/test_accumulation.py -k accumulation_is_the_large",
    ),
    "distillation by the teacher's items of one micro-batch": Mutation(
        "hf_rnn/training/distillation_trainer.py",
        "(max(1, len(terms)) if count is None else count)",
        "max(1, len(terms))",
        "tests/training/test_accumulation.py -k accumulation_is_the_large",
    ),
    "a network without the norm of its batch": Mutation(
        "tests/training/accumulation_cases.py",
        'classifier_norm="batch"',
        'classifier_norm="none"',
        "tests/training/test_accumulation.py -k depends_on_the_batch",
    ),
    "the average taken after each micro-batch (`on_substep_end`)": Mutation(
        "hf_rnn/training/techniques/averaging.py",
        "    def on_step_end(\n        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, "
        "**kwargs: Any\n    ) -> None:\n        decay",
        "    def on_substep_end(\n        self, args: TrainingArguments, state: TrainerState, control: "
        "TrainerControl, **kwargs: Any\n    ) -> None:\n        decay",
        "tests/training/test_accumulation.py -k average",
    ),
    "one carried state for all micro-batches": Mutation(
        "hf_rnn/training/language_model_trainer.py",
        'column, start = inputs.pop("column"), inputs.pop("start")',
        'column, start = inputs.pop("column") * 0, inputs.pop("start")',
        "tests/training/test_accumulation.py -k streams_of_micro",
    ),
    "every window weighed alike": Mutation(
        "hf_rnn/training/language_model_trainer.py",
        '        loss = loss * (inputs["input_ids"].shape[1] / self._mean_window)\n',
        "",
        "tests/training/test_accumulation.py -k streams_of_micro",
    ),
}
