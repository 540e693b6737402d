"""Any file of tagged sentences is read as it was written, whatever its scheme, columns, separators and comments."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

import pytest
from hypothesis import note

from hf_rnn.data.readers.sentences import TokenDataArguments, load_token_classification
from tests.properties.generating import generated
from tests.properties.tagged_files import TaggedFile, tagged_files


@pytest.mark.reliability(
    section="Properties",
    fault="Files of tagged sentences: eight schemes, six spellings, six layouts, comments, headers, line ends",
    mutation="comments before a sentence that are told by their hash alone",
)
@generated(300, 10_000, file=tagged_files())
def test_any_file_is_read_as_it_was_written(file: TaggedFile) -> None:
    note(str(file.description))
    said: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("hf_rnn")
    logger.addHandler(handler)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.conll"
        path.write_bytes(file.content)
        try:
            data = load_token_classification(TokenDataArguments(train_file=str(path), invalid_tags="refuse"))
        finally:
            logger.removeHandler(handler)
    assert data.is_entities
    read = [(row["tokens"], [data.label_names[tag] for tag in row["tags"]]) for row in data.splits["train"]]
    if read != file.sentences:
        # Of "# PER", where no other token has the type, nobody can tell whether it is a comment: it is said.
        assert file.description["spelling"] == "PER"
        assert any("that begin with # and have" in message for message in said)
