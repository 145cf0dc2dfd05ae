"""Chats in the formats of the common tuners, as columns that a task can name.

openai    `messages`, each with `role` and `content` (OpenAI's fine-tuning format; also TRL's)
sharegpt  `conversations`, each with `from` and `value` (LLaMA-Factory, Axolotl, Vicuna)
alpaca    `instruction`, `input`, `output`, perhaps `system` and `history` (Stanford Alpaca 2023)

Each becomes four columns, beside those that the record has already:

system   the system message, or ""
history  the turns before the last question, one per line, each with its speaker
prompt   the last question of the user, with what tools answered to it
reply    the last reply of the assistant: earlier ones are context and are not learned
"""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, cast, get_args

from medtune.errors import DataError
from medtune.records import Json

Shape = Literal["openai", "sharegpt", "alpaca"]
SHAPES: tuple[Shape, ...] = get_args(Shape)
COLUMNS = ("system", "history", "prompt", "reply")
KEYS: Mapping[Shape, str] = {"openai": "messages", "sharegpt": "conversations"}
TURN: Mapping[Shape, tuple[str, str]] = {
    "openai": ("role", "content"),
    "sharegpt": ("from", "value"),
}
ALPACA = frozenset({"instruction", "output"})
ALPACA_MORE = ALPACA | {"input", "system", "history", "id", "text"}
SPEAKERS = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "model": "assistant",
    "tool": "tool",
    "function": "tool",
    "function_call": "tool",
    "observation": "tool",
}
"""By the name that a file uses, who speaks."""


class Turn(NamedTuple):
    """One turn of a chat."""

    speaker: str
    text: str


def shape_of(values: Mapping[str, Json]) -> Shape | None:
    """Which chat format a record has, or None."""
    for shape, key in KEYS.items():
        turns = values.get(key)
        if isinstance(turns, list) and turns and isinstance(turns[0], dict):
            return shape if set(TURN[shape]) <= set(turns[0]) else None
    return "alpaca" if set(values) >= ALPACA and set(values) <= ALPACA_MORE else None


def as_columns(values: Mapping[str, Json], shape: Shape, where: str) -> dict[str, Json]:
    """The record with the four columns.

    Raises:
        DataError: It is not a chat of this format.
    """
    turns = _alpaca(values, where) if shape == "alpaca" else _turns(values, shape, where)
    system = "\n".join(turn.text for turn in turns if turn.speaker == "system")
    spoken = [turn for turn in turns if turn.speaker != "system"]
    *before, last = spoken or [Turn("user", "")]
    reply = last.text if last.speaker == "assistant" else ""
    before = before if reply else spoken
    asked = max((n for n, turn in enumerate(before) if turn.speaker == "user"), default=len(before))
    return {
        **values,
        "system": system,
        "history": "\n".join(_line(turn) for turn in before[:asked]),
        "prompt": "\n".join(
            [turn.text if turn.speaker == "user" else _line(turn) for turn in before[asked:]]
        ),
        "reply": reply,
    }


def _line(turn: Turn) -> str:
    return f"{turn.speaker.capitalize()}: {turn.text}"


def _turns(values: Mapping[str, Json], shape: Shape, where: str) -> list[Turn]:
    key, (speaker, text) = KEYS[shape], TURN[shape]
    listed = values.get(key)
    if not isinstance(listed, list) or not listed:
        raise DataError(f"{where}: no list {key!r}, so not a chat in the format {shape}")
    turns: list[Turn] = []
    for number, turn in enumerate(listed, start=1):
        place = f"{where}: turn {number}"
        if not isinstance(turn, dict) or speaker not in turn:
            raise DataError(f"{place} has no {speaker!r}, so not a chat in the format {shape}")
        name = turn[speaker]
        if not isinstance(name, str) or name not in SPEAKERS:
            raise DataError(f"{place}: the speaker is none of {', '.join(SPEAKERS)}")
        turns.append(Turn(SPEAKERS[name], _content(turn.get(text), place)))
    return turns


def _content(content: Json, place: str) -> str:
    """The text of a turn: plain, or the text parts of a list."""
    if content is None or isinstance(content, str):
        return content or ""
    texts: list[str] = []
    for part in content if isinstance(content, list) else [content]:
        text = part.get("text") if isinstance(part, dict) else part
        if not isinstance(text, str):
            raise DataError(f"{place} holds something other than text, such as an image")
        texts.append(text)
    return "\n".join(texts)


def _alpaca(values: Mapping[str, Json], where: str) -> list[Turn]:
    missing = ALPACA - set(values)
    if missing:
        raise DataError(f"{where}: no {sorted(missing)[0]!r}, so not in the format alpaca")
    earlier = values.get("history") or []
    turns = [Turn("system", _content(values.get("system"), where))]
    for number, pair in enumerate(cast("Sequence[Json]", earlier), start=1):
        if not isinstance(pair, list) or len(pair) != 2:  # noqa: PLR2004  question and answer
            raise DataError(f"{where}: history {number} is not a pair of question and answer")
        turns += [
            Turn("user", _content(pair[0], where)),
            Turn("assistant", _content(pair[1], where)),
        ]
    question = [_content(values.get(key), where) for key in ("instruction", "input")]
    turns.append(Turn("user", "\n".join(part for part in question if part)))
    return [*turns, Turn("assistant", _content(values.get("output"), where))]
