"""The tests of transformers that do not run for hf_rnn, each with its reason; reviewed, and held to by
`test_models.py` and `test_tokenizers.py`: no other test may be skipped, and of these only those that want what a
machine may have run.
"""

from __future__ import annotations


# Tests that transformers skips itself, as regular expressions → what it misses.
# On the processor all of them are skipped, on another machine some may run.
ABSENT_HERE: dict[str, str] = {
    r"test_can_load_with_(device_context_manager|global_device_set)": "wants an accelerator",
    r"test_(cpu|disk)_offload.*": "wants an accelerator",
    r"test_model_parallelism": "wants several accelerators",
    r"test_flex_attention_with_grads": "wants an accelerator",
    r"test_sdpa_can_(compile_dynamic|dispatch_on_flash)": "wants an accelerator",
    r"test_torch_compile_for_training": "wants an accelerator",
    r"test_flash_attn_.*": "wants an accelerator and a library of attention",
    r"test_kernels_can_load_without_crashing": "wants an accelerator and the library `kernels`",
    r"test_resize_.*_with_deepspeed.*": "wants an accelerator and deepspeed",
}
# The same, where what it looks for is not in a recurrent network.
NOT_RECURRENT: dict[str, str] = {
    r"test_attention_outputs|test_sliding_window_mask": "there is no attention",
    r"test_attn_implementation_composite_models|test_can_set_attention_dynamically.*": "there is no attention",
    r"test_eager_matches_sdpa_inference_.*|test_sdpa_can_dispatch_(non_)?composite_models": "there is no attention",
    r"test_.*_rope(_.*)?": "there are no rotary positions: the order is in the recurrence",
    r"test_resize_position_vector_embeddings": "there are no vectors of positions",
    r"test_moe_models_record_router_logits|test_output_router_logits_from_config": "there are no experts",
    r"test_eager_matches_batched_and_grouped_inference_.*": "there are no experts",
    r"test_tp_plan_matches_params|test_tied_head_has_a_tp_plan_entry": "there is no plan for tensor parallelism",
    r"test_keep_in_fp32_modules(_exist)?": "nothing is kept in another precision than the rest",
    r"test_can_load_from_already_mapped_keys|test_reverse_loading_mapping": "no weight is renamed when it is loaded",
}
# (Kinds of model, of which one is enough, test) → what it looks for.
NOT_OF_THIS_KIND: dict[tuple[tuple[str, ...], str], str] = {
    (("encoder",), "test_causal_lm_loss_honors_shift_labels"): "what comes next is not predicted",
    (
        ("encoder-decoder",),
        "test_causal_lm_loss_honors_shift_labels",
    ): "the decoder reads labels that are shifted already, see test_encoder_decoder_loss_no_double_shift",
    (
        ("encoder-decoder",),
        "test_can_capture_specific_layers_hidden_states",
    ): "it returns the states of all layers of both parts, or none",
    (
        ("encoder", "language model", "encoder-decoder backbone"),
        "test_encoder_decoder_loss_no_double_shift",
    ): "no model is both encoder and decoder, with scores of tokens",
    (
        ("dan", "conv-encoder"),
        "test_enable_input_require_grads_with_gradient_checkpointing",
    ): "there are no layers to compute twice: it says so by `supports_gradient_checkpointing`",
    (("siamese", "conv-encoder"), "test_inputs_embeds"): "it reads texts or images, never vectors",
    (("siamese backbone", "conv-encoder"), "test_inputs_embeds_matches_input_ids"): "it reads texts or images",
    (
        ("bilstm", "lstm", "gru", "elman", "min_gru", "min_lstm", "dan", "conv-encoder"),
        "test_internal_model_config_and_subconfig_are_same",
    ): "no configuration is inside another",
    (("conv-encoder",), "test_resize_tokens_embeddings"): "images have no tokens",
    (("conv-encoder",), "test_resize_embeddings_untied"): "images have no tokens",
    (("conv-encoder",), "test_resize_embeddings_untied_no_reinit_on_post_init"): "images have no tokens",
}

BACKBONES = (
    "BiLstmModel",
    "LstmModel",
    "GruModel",
    "ElmanModel",
    "MinGruModel",
    "MinLstmModel",
    "DanModel",
    "SiameseModel",
    "ConvEncoderModel",
    "LstmEncoderDecoder",
    "GruEncoderDecoder",
)

# (Model classes, test) → why we switch it off: without this it would fail.
SWITCHED_OFF: dict[tuple[tuple[str, ...], str], str] = {
    (BACKBONES, "test_training_overfit"): "a backbone has no loss; each of its heads is trained so",
    (("ConvEncoderModel",), "test_model_get_set_embeddings"): "images have no tokens, and so no table of them",
    (
        ("SiameseForPairClassification",),
        "test_retain_grad_hidden_states_attentions",
    ): "the hidden states of a pair are halves of the encoder's, of which nothing is computed; SiameseModel, with one "
    "input, runs it",
}

WRITTEN = "a word of a text that is written begins with a space, so that it can follow a prompt"
# (Kinds of tokenizers, test) → why we switch it off: without this it would fail.
TOKENIZERS_SWITCHED_OFF: dict[tuple[tuple[str, ...], str], str] = {
    (("character",), "test_alignment_methods"): "each character is a word to the tokenizer, and a text has spaces",
    (
        ("bpe",),
        "test_rust_tokenizer_add_prefix_space_0",
    ): "transformers hands `add_prefix_space` on in the classes of some models; ours is the plain class, and its "
    "byte pairs are learnt without a space in front",
    (("word", "whitespace", "tweet"), "test_training_new_tokenizer"): WRITTEN,
    (("word", "whitespace", "tweet"), "test_training_new_tokenizer_with_special_tokens_change"): WRITTEN,
}

# Tests of tokenizers that transformers skips itself.
NOT_OF_TOKENIZERS: dict[str, str] = {
    "test_chat_template_save_loading": "the plain class has no argument for a template; it is set as an attribute",
    "test_conversion_reversible": "it runs with RUN_SLOW only; `tests/data/tokenizers/test_training.py` has it",
    "test_integration": "it compares with the tokens of a published checkpoint",
    "test_integration_from_extractor": "it compares with the tokens of a published checkpoint",
}
