"""Records that are prepared in shares come back in their order, and with the first fault."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tiny_data import WordRenderer, make_run, prepared, saved

from medtune.apps.custom import build
from medtune.data import gather
from medtune.data.gather import Part
from medtune.deid.example import cleaner_for
from medtune.errors import DataError
from medtune.pipeline import share
from medtune.records import Example

ray = pytest.importorskip("ray", reason="the extra `cluster` is not installed")


class Hands:
    """What Ray's workers do, without Ray: a promise is the call itself, made when it is fetched."""

    def __init__(self, most: list[int]) -> None:
        self.most, self.open = most, 0

    @property
    def prepare(self) -> Any:
        def remote(examples: list[Example]) -> Any:
            self.open += len(examples)
            self.most.append(self.open)

            def done() -> Part:
                self.open -= len(examples)
                if any(one.id == "bad" for one in examples):
                    raise DataError("a bad record")
                return Part([one.id for one in examples], share.Counter())  # type: ignore[arg-type]

            return done

        return SimpleNamespace(remote=remote)


def records(n: int, *, bad: int = -1, broken: bool = False) -> Iterator[Example]:
    for number in range(n):
        yield Example("bad" if number == bad else str(number), "g", {"t": str(number)}, "x")
    if broken:
        raise DataError("a broken source")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(share, "RECORDS", 4)
    monkeypatch.setattr(ray, "get", lambda done: done())


@pytest.mark.parametrize("n", [0, 1, 4, 5, 8, 97])
def test_records_come_back_in_their_order_and_few_are_on_their_way(n: int):
    most: list[int] = []
    hands = [Hands(most)] * 2
    found = [name for part in share.spread(hands, records(n)) for name in part.records]
    assert found == [str(number) for number in range(n)]
    assert max(most, default=0) <= share.AHEAD * 2 * 4


def test_what_stops_the_source_is_raised_after_all_that_came_before_it():
    seen: list[object] = []
    with pytest.raises(DataError, match="broken source"):
        seen += (one for part in share.spread([Hands([])], records(9, broken=True)) for one in part)
    with pytest.raises(DataError, match="bad record"):
        list(share.spread([Hands([])], records(9, bad=7, broken=True)))


def test_data_that_others_clean_and_measure_are_the_same_bytes(tmp_path: Path):
    key = tmp_path / "key"
    rows = [
        {"id": str(n), "patient": str(n // 3), "sex": "f", "label": "yes" if n % 3 else "no"}
        | {"note": f"Dr. Anna Smith saw {'him' if n % 4 else 'her'} on 3 May 2021, room {n}."}
        for n in range(90)
    ]
    source = saved(tmp_path, "notes.jsonl", rows)
    runs = [
        make_run(tmp_path / out, [source], deidentify={"key": key}) for out in ("alone", "shared")
    ]
    hand = object.__new__(share.Hand)
    hand._made = gather
    hand._preparer = gather.Preparer(
        build(runs[1]), WordRenderer(), cleaner_for(runs[1], build(runs[1]))
    )  # type: ignore[arg-type]

    def others(records: Iterator[Example]) -> Iterator[gather.Part]:
        yield from map(hand.prepare, cast("Iterator[list[Example]]", share._shares(records)))

    cards = [prepared(runs[0], [source]), prepared(runs[1], [source], spread=others)]
    for name in ("train.jsonl", "validation.jsonl", "test.jsonl"):
        files = [(run.out / name).read_bytes() for run in runs]
        assert files[0] == files[1]
        assert b"Smith" not in files[1]
    assert cards[0].checks == cards[1].checks
    assert cards[0].splits == cards[1].splits
    found = next(check for check in cards[1].checks if "were replaced" in check.found)
    assert found.figures["date"] >= 90
