"""Named entities by a pipeline of spaCy (Honnibal et al., https://spacy.io), from a folder or an installed package."""

from __future__ import annotations

import configparser
import importlib.util
import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from ....tasks.test_set import TestSet
from ...defaults.peers.spacy_tagger import doc_of, tags_of
from ..measured import BATCH_SIZE
from .base import MeasuredLibrary


__all__ = ["TYPES", "MeasuredSpacy", "retyped", "type_map"]


META, CONFIG = "meta.json", "config.cfg"
NER = "ner"
# Types of OntoNotes 5, which spaCy's published pipelines have → those of CoNLL-2003. All others are no entity.
TYPES = {"PERSON": "PER", "GPE": "LOC", "LOC": "LOC", "FAC": "LOC", "ORG": "ORG", "NORP": "MISC"}
# The components that compute vectors of tokens for others.
EMBEDDERS = ("tok2vec", "transformer", "curated_transformer")


def type_map(own: Collection[str], wanted: Collection[str]) -> dict[str, str | None] | None:
    """How a pipeline's entity types are read as those of a test set: by name, else by `TYPES`, else as no entity
    (None); None in place of all: the test set has all of them.
    """
    if set(own) <= set(wanted):
        return None
    found = {kind: kind if kind in wanted else TYPES.get(kind) for kind in sorted(own)}
    return {kind: other if other in wanted else None for kind, other in found.items()}


def retyped(tags: Sequence[str], types: Mapping[str, str | None]) -> list[str]:
    """The IOB2 tags of a sentence, read by `types` of `type_map`."""
    found = []
    for tag in tags:
        prefix, _, kind = tag.partition("-")
        other = types.get(kind)
        found.append("O" if other is None else f"{prefix}-{other}")
    return found


class MeasuredSpacy(MeasuredLibrary):
    """A pipeline of spaCy, of which `ner` runs, and what it takes its vectors of tokens from."""

    key = "spacy"
    title = "spaCy"
    task = "token-classification"
    needs = {"spacy": "spacy"}
    distributions = ("spacy",)
    wanted = f"a folder with {META} and a pipeline that has `{NER}`, or an installed package of one"
    method = (
        "Of a pipeline of spaCy `ner` runs, and what it takes its vectors of tokens from; one text by `nlp`, many by "
        "`nlp.pipe`, tokens are those of its own tokenizer, and quality is that on documents made of the corpus's "
        "tokens; loading is `spacy.load`. "
    )

    @classmethod
    def place(cls, source: str) -> Path:
        """The folder, or that of the pipeline in a package: `NAME/NAME-VERSION`, as its own `load` has it."""
        path = super().place(source)
        if path.exists() or not source.isidentifier():
            return path
        package = importlib.util.find_spec(source)
        places = [] if package is None else list(package.submodule_search_locations or ())
        inside = [folder.parent for place in places for folder in Path(place).glob(f"{source}-*/{META}")]
        return inside[0] if inside else path

    @classmethod
    def holds_model(cls, path: Path) -> bool:
        """Whether the pipeline there finds entities."""
        return (path / CONFIG).is_file() and (path / META).is_file() and NER in cls.meta(path).get("pipeline", ())

    @staticmethod
    def meta(path: Path) -> dict[str, Any]:
        """What a pipeline says of itself."""
        found: dict[str, Any] = json.loads((path / META).read_text(encoding="utf-8"))
        return found

    @classmethod
    def read_types(cls, path: Path, test: TestSet) -> dict[str, str | None] | None:
        """The types by `type_map`.

        Raises:
            ValueError: the tags of the test set are none of entities, or no type is shared.
        """
        if test.problem_type != "tagging":
            raise ValueError(f"`models`: {cls.key}:{path} finds entities, and the tags of the test set are others.")
        wanted = sorted({name[2:] for name in test.label_names or () if name != "O"})
        own = cls.meta(path).get("labels", {}).get(NER, [])
        types = type_map(own, wanted)
        if types is not None and not any(types.values()):
            raise ValueError(
                f"`models`: {cls.key}:{path} finds {', '.join(types)}; none is read as one of the test set's types, "
                f"{', '.join(wanted)}."
            )
        return types

    def import_libraries(self) -> None:
        """Import spaCy, and what it has for the language."""
        import spacy

        spacy.blank(self.meta(Path(self.folder))["lang"])

    def loaded(self, path: Path) -> Any:
        """The pipeline without what `ner` does not need."""
        import spacy

        return spacy.load(path, exclude=unneeded(path))

    def figures(self) -> dict[str, Any]:
        """Parameters of all that runs, and of vectors of words."""
        count = self.model.vocab.vectors.data.size
        for _, component in self.model.pipeline:
            for node in component.model.walk():
                count += sum(node.get_param(name).size for name in node.param_names if node.has_param(name))
        return {"model_class": type(self.model).__name__, "parameters": int(count), "dtype": "float32"}

    def answer(self, text: Any) -> None:
        """The entities of one text."""
        self.model(text)

    def answer_all(self, texts: list[Any]) -> None:
        """The entities of many texts."""
        for _ in self.model.pipe(texts, batch_size=BATCH_SIZE):
            pass

    def count(self, text: Any) -> int:
        """The tokens of a text by the pipeline's tokenizer."""
        return len(self.model.make_doc(text))

    def predict(self, inputs: list[Any]) -> dict[str, list[Any]]:
        """A tag of the pipeline's own types for every token."""
        docs = [doc_of(self.model, tokens) for tokens in inputs]
        return {"predictions": [tags_of(doc) for doc in self.model.pipe(docs, batch_size=BATCH_SIZE)]}


def unneeded(path: Path) -> list[str]:
    """The components of the pipeline there that `ner` does not need: all others, but for those that embed tokens where
    it listens to one.
    """
    config = configparser.ConfigParser(interpolation=None, strict=False)
    config.read(path / CONFIG, encoding="utf-8")
    own = [config[name] for name in config.sections() if name.startswith(f"components.{NER}.")]
    listens = any("Listener" in value for section in own for value in section.values())
    names = MeasuredSpacy.meta(path)["pipeline"]
    factories = {name: config.get(f"components.{name}", "factory", fallback="").strip('"') for name in names}
    return [name for name in names if name != NER and not (listens and factories[name] in EMBEDDERS)]
