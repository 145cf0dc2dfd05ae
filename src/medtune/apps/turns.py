"""The turns of a user: what was sent without a reply between is one turn, and all of it counts."""

from collections.abc import Sequence

from medtune.records import Message


def user_turns(messages: Sequence[Message]) -> list[list[str]]:
    """The messages that the user sent between two replies, oldest first; only a reply ends a turn.

    There is at least one turn, which is empty if the user sent nothing.
    """
    turns: list[list[str]] = []
    is_answered = True
    for one in messages:
        if one.role == "user" and is_answered:
            turns.append([one.content])
        elif one.role == "user":
            turns[-1].append(one.content)
        if one.role != "system":
            is_answered = one.role == "assistant"
    return turns or [[]]
