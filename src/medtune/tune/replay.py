"""Replay against forgetting: general text or instructions in each step, as the base model has them.

Where a prompt has no reply, the reply is the base model's own, written once and kept beside the
run by a hash of all that it depends on. So what is rehearsed is what the model could do before,
and no other model's style is learnt on the way.

Sources: Robins 1995, Connection Science 7:123 (pseudo-rehearsal); Huang et al. 2024,
arXiv:2403.01244 (a language model's own replies).
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from medtune.artifacts import read_jsonl, write_jsonl
from medtune.config import Run
from medtune.errors import DataError
from medtune.llm.generate import generate_ids, room
from medtune.llm.load import LanguageModel
from medtune.progress import progress
from medtune.records import Json, Message
from medtune.tune.batch import plan
from medtune.tune.distributed.control import on_lead
from medtune.tune.lesson import Lessons, refuse_long, render_texts

OWN = "replay.json"
LONGEST = 96
"""Most tokens that the base model writes to a prompt."""
FOLDER = "replay"


class Item(NamedTuple):
    """One thing to replay."""

    id: str
    prompt: str | None
    """None where it is a text."""
    text: str | None
    """The reply to the prompt, or the text; of an item of our own, the text's beginning."""
    open: bool
    """Whether the base model has still to write the rest."""


def replay_lessons(run: Run, lm: LanguageModel) -> Lessons:
    """What `tune.replay` replays, rendered; nothing if its share is 0.

    Args:
        run: Its `tune` section; replies are kept in its folder.
        lm: The base model, as it was before anything was trained.

    Raises:
        DataError: `tune.replay_file` cannot be read or does not fit the context.
    """
    if not run.tune.replay:
        return Lessons([], [])
    is_text = run.tune.objective == "cpt"
    path = run.tune.replay_file
    items = _own(is_text=is_text) if path is None else list(_named(path, is_text=is_text))
    if not items:
        raise DataError(f"{path}: nothing to replay; give it rows, or set tune.replay to 0")
    written = _completed(run.out / FOLDER, lm, items)
    whole = [(item.id, written.get(item.id, item.text or "")) for item in items]
    if is_text:
        return render_texts(lm, whole, FOLDER)
    prompts = {item.id: item.prompt or "" for item in items}
    rendered = [lm.renderer.training(_asked(prompts[name]), reply) for name, reply in whole]
    refuse_long(lm, [(item.id, one) for item, one in zip(items, rendered, strict=True)], FOLDER)
    return Lessons([name for name, _ in whole], [(one,) for one in rendered])


def drawn(ids: Sequence[str], sizes: Sequence[int], *, share: float, seed: int) -> list[list[int]]:
    """For each optimizer step, what it replays, as indices into `ids`.

    Args:
        ids: Of what there is; all is drawn before anything is drawn again.
        sizes: How many examples of its own each step has.
        share: Of the replayed among all examples of a step, in [0, 1).
        seed: Of the order.
    """
    if not ids:
        return [[] for _ in sizes]
    wanted = [max(1, round(share / (1 - share) * size)) for size in sizes]
    epochs = -(-sum(wanted) // len(ids))
    order = iter(
        [i for one in plan(ids, seed=seed, epochs=epochs, examples_per_step=1) for i in one]
    )
    return [[next(order) for _ in range(n)] for n in wanted]


def _own(*, is_text: bool) -> list[Item]:
    """Prompts, or beginnings of texts, of medtune's own."""
    text = (files("medtune.tune") / OWN).read_text(encoding="utf-8")
    rows: list[dict[str, str]] = json.loads(text)["items"]
    return [
        Item(row["id"], row.get("prompt"), row.get("text"), open=True)
        for row in rows
        if ("text" in row) == is_text
    ]


def _named(path: Path, *, is_text: bool) -> Iterator[Item]:
    wanted = "text" if is_text else "prompt"
    for number, row in enumerate(read_jsonl(path), start=1):
        if not isinstance(row.get(wanted), str):
            raise DataError(f"{path}:{number}: no `{wanted}`, or not a string; mend the row")
        yield _item(row, f"{path.name}:{number}")


def _item(row: Mapping[str, Json], name: str) -> Item:
    prompt, text = row.get("prompt"), row.get("text")
    if isinstance(text, str):
        return Item(name, None, text, open=False)
    reply = row.get("reply")
    known = reply if isinstance(reply, str) else None
    return Item(name, str(prompt), known, open=known is None)


def _asked(prompt: str) -> list[Message]:
    return [Message("user", prompt)]


def _completed(folder: Path, lm: LanguageModel, items: Sequence[Item]) -> dict[str, str]:
    """What the base model writes where something is open: written once, and then read."""
    asked = [item for item in items if item.open]
    if not asked:
        return {}
    prompts = [_prompt(lm, item) for item in asked]
    crowded = [item.id for item, ids in zip(asked, prompts, strict=True) if room(lm, ids) < 1]
    if crowded:
        raise DataError(
            f"{FOLDER}: {len(crowded)} prompts (first: {crowded[0]}) leave no room for a reply in "
            f"the {lm.context_tokens} tokens of model.context_tokens; shorten them"
        )
    by = (lm.folder.sha256, lm.numerics.dtype, lm.quantize, LONGEST)
    named = repr((*by, prompts)).encode()
    path = folder / f"{hashlib.sha256(named).hexdigest()[:16]}.jsonl"

    def write() -> None:
        if path.exists():
            return
        with progress("replay: the base model writes", len(asked), "replies") as advance:
            replies = generate_ids(
                lm, prompts, max_new_tokens=LONGEST, batch_tokens=2048, advance=advance
            )
        texts = [(item.text or "") + reply.text for item, reply in zip(asked, replies, strict=True)]
        pairs = zip(asked, texts, strict=True)
        write_jsonl(path, [{"id": item.id, "text": text} for item, text in pairs])

    on_lead(write)
    return {str(row["id"]): str(row["text"]) for row in read_jsonl(path)}


def _prompt(lm: LanguageModel, item: Item) -> list[int]:
    if item.prompt is not None:
        return lm.renderer.prompt(_asked(item.prompt))
    return lm.renderer.document(item.text or "")[:-1]
