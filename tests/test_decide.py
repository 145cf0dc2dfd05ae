"""The whole experiment on a tiny model: the arms, their costs, interruptions, and what is kept."""

import dataclasses
import json
import weakref

import pytest
from tiny_llm import one_thread
from tiny_study import APP, examples, study, tiny_model

from medtune.artifacts import Decision, read_jsonl, read_predictions
from medtune.config import DocumentSection
from medtune.decide import Desk, Handed, Keys, arms, decide, rule_of
from medtune.decide import cost as costs
from medtune.decide.baselines import classical, majority
from medtune.decide.draw import choose_shots, draw_few, ladder
from medtune.decide.prompting import recipes_of, search, search_part
from medtune.decide.tunes import Tune, workshop
from medtune.decide.verdict import answer
from medtune.errors import ConfigError, DataError, UndefinedMetric
from medtune.llm.predict import predict
from medtune.metrics import rouge_l, sensitivity
from medtune.records import Message, Prediction

TRAIN, ASKED = examples(60, "train"), examples(24, "validation")
FREE_APP = dataclasses.replace(
    APP, choices=None, metrics={"rouge_l": rouge_l}, primary="rouge_l", gates=()
)
PROMPTS = ["zero_shot", "few_shot", "retrieval"]
TUNES = ["tune_4_0", "tune_6_0", "tune_9_0", "tune_13_0"]
LIST_APP = dataclasses.replace(
    FREE_APP,
    reply=lambda example: json.dumps(example.target),
    parse=lambda example, text: json.loads(text),
)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    with one_thread():
        yield tiny_model(folder / "base"), tiny_model(folder / "tuned", seed=1)


def changed(run, **settings):
    return run.model_copy(update={"decide": run.decide.model_copy(update=settings)})


def test_the_majority_arm_gives_the_commonest_target_with_its_share():
    found = majority(APP, TRAIN, ASKED)
    assert {p.answer for p in found.predictions} == {"yes"}
    assert {p.confidence for p in found.predictions} == {0.5}
    assert found.prompt_tokens == 0
    lists = [dataclasses.replace(TRAIN[i], target=["a"] if i < 3 else ["b"]) for i in range(4)]
    free = majority(LIST_APP, lists, ASKED)
    assert free.predictions[0].answer == ["a"]
    assert free.predictions[0].confidence is None


def test_the_classical_arm_learns_what_the_text_says():
    found = classical(APP, TRAIN)(ASKED)
    assert all(p.right for p in found.predictions)
    assert all(1 / 3 <= p.confidence <= 1 for p in found.predictions)
    assert [p.id for p in found.predictions] == [example.id for example in ASKED]


def test_the_classical_arm_sees_only_what_the_model_reads():
    told = [dataclasses.replace(e, fields={**e.fields, "label": str(e.target)}) for e in TRAIN]
    blind = dataclasses.replace(APP, prompt=lambda example: [Message("user", "the same")])
    assert len({p.answer for p in classical(blind, told)(told).predictions}) == 1


def test_which_arms_there_are_depends_on_the_task(out, models):
    run = study(out)

    def names(app, train, run=run):
        desk = Desk(run, app, train, models[0])
        recipes = {name: some[0] for name, some in recipes_of(desk).items()}
        return list(arms(desk, recipes))

    assert names(APP, TRAIN) == ["majority", "classical", *PROMPTS]
    assert names(FREE_APP, TRAIN) == ["majority", *PROMPTS]
    assert "few_shot" not in names(APP, TRAIN, changed(run, shots=0))
    assert "retrieval" not in names(APP, TRAIN, changed(run, passages=0))
    varied = dataclasses.replace(
        APP, choices=lambda example: [example.id, "none"], question=lambda example: "q"
    )
    assert "classical" not in names(varied, TRAIN)
    one_label = [example for example in TRAIN if example.target == "yes"]
    assert "classical" not in names(APP, one_label)


def test_every_prompting_arm_tries_as_many_prompts_on_the_same_part_of_train(out, models):
    desk = Desk(changed(study(out), prompt_budget=3), APP, TRAIN, models[0])
    tries = recipes_of(desk)
    assert {len(some) for some in tries.values()} == {3}
    part = search_part(desk, tries)
    assert len(part) == 8
    shown = {shot for some in tries.values() for recipe in some for shot in recipe.shots}
    groups = {example.group for example in TRAIN if example.id in shown}
    assert not groups & {example.group for example in part}
    assert len({tuple(recipe.shots) for recipe in tries["few_shot"]}) == 3
    own = Desk(changed(study(out), instructions=("Say it.",)), APP, TRAIN, models[0])
    assert [r.wording for r in recipes_of(own)["zero_shot"]] == ["as written", "own wording 1"]


def test_prompts_are_compared_on_examples_that_give_the_metric_a_value(out, models):
    """A sensitivity needs a positive; the 8 drawn have none, and train has three."""
    desk = Desk(study(out), APP, TRAIN, models[0])
    drawn = {example.id for example in search_part(desk, {})}
    rare = [e.id for e in TRAIN if e.id not in drawn][:3]
    train = [
        dataclasses.replace(e, target="yes" if e.id in rare else "no", group=e.id) for e in TRAIN
    ]
    app = dataclasses.replace(APP, metrics={"found": sensitivity("yes")}, primary="found")
    desk = Desk(study(out), app, train, models[0])
    part = search_part(desk, {})
    assert {e.id for e in part} == drawn | set(rare)
    tries = recipes_of(desk)["zero_shot"]
    assert all(value is not None for value in search(desk, "zero_shot", tries, part).tried.values())
    without = [e for e in part if e.id not in rare]
    unranked = search(desk, "zero_shot", tries, without)
    assert list(unranked.tried.values()) == [None, None]
    assert unranked.wording == tries[0].wording


@pytest.mark.usefixtures("quick")
def test_what_has_no_value_for_an_arm_is_not_kept_and_not_lost(out, models):
    """The tunes are paid for when the comparisons are made."""

    def never(some):
        raise UndefinedMetric("has no value here")

    app = dataclasses.replace(APP, metrics={**APP.metrics, "odd": never})
    run = study(out).model_copy(update={"goal": "style"})
    decision = _decide(run, models, _handed(models, []), app=app)
    odd = [one for one in decision.comparisons if one.question == "keep odd"]
    assert odd
    for one in odd:
        assert (one.verdict, one.p_adjusted) == ("not_enough_data", 1.0)
        assert "not measurable" in one.difference.method
        assert answer(one, -0.02, 1).verdict == "not_enough_data"
    assert [one for one in decision.comparisons if one.question == "keep accuracy"]


@pytest.mark.usefixtures("quick")
def test_where_cost_decides_tune_and_prompts_are_put_the_same_requests_in_turn(out, models):
    run = study(out).model_copy(update={"goal": "efficiency"})
    decision = _decide(run, models, _handed(models, []))
    saved = {o.against: o for o in decision.comparisons if o.question == "saving"}
    assert set(saved) == {"zero_shot", "few_shot", "retrieval"}
    assert all(one.difference.n == 12 for one in saved.values())
    assert decision.verdict != "yes"
    free = _decide(changed(run, price_cpu_hour=0.0), models, _handed(models, []))
    assert not [one for one in free.comparisons if one.question == "saving"]
    assert any("is 0 or unknown" in reason for reason in free.reasons)


def test_arms_in_turn_are_asked_the_same_and_stop_together(monkeypatch):
    monkeypatch.setattr(costs, "ENOUGH_S", 0.0)
    asked = []
    plan = {name: lambda some, name=name: asked.append((name, some[0])) for name in "ab"}
    found = costs.in_turn(plan, list(range(12)))
    assert {name: len(seconds) for name, seconds in found.items()} == {"a": 5, "b": 5}
    assert asked[:6] == [("a", 0), ("b", 0), ("b", 0), ("a", 0), ("a", 1), ("b", 1)]


def test_shots_that_do_not_fit_the_context_are_left_out(out, models, capsys):
    def shown(longest):
        tries = recipes_of(Desk(study(out, shots=6, longest=longest), APP, TRAIN, models[0]))
        return [len(recipe.shots) for recipe in tries.get("few_shot", [])]

    assert shown(40) == [6, 6]
    assert all(0 < n < 6 for n in shown(400))
    assert "worked examples: more do not fit" in capsys.readouterr().err
    assert shown(490) == []


def test_shots_go_round_the_labels_are_short_and_of_different_groups():
    shots = choose_shots(APP, TRAIN, 7, seed=0)
    assert [shot.target for shot in shots[-3:]] == ["no", "maybe", "yes"]
    assert len({shot.group for shot in shots}) == 7
    assert choose_shots(APP, list(reversed(TRAIN)), 7, seed=0) == shots
    assert choose_shots(APP, TRAIN, 7, seed=1) != shots
    long = dataclasses.replace(TRAIN[0], id="long", group="long", fields={"text": "word " * 500})
    assert long not in choose_shots(APP, [*TRAIN, long], 30, seed=0)


def test_there_are_no_more_shots_than_groups():
    assert len(choose_shots(APP, TRAIN[:4], 7, seed=0)) <= 2
    assert choose_shots(APP, TRAIN, 0, seed=0) == []
    assert len(choose_shots(FREE_APP, TRAIN, 3, seed=0)) == 3


def test_the_few_are_nested_drawn_by_seed_with_groups_together():
    few = draw_few(TRAIN, 20, seed=0)
    assert len({example.id for example in few}) == 20
    groups = [example.group for example in few]
    assert groups == sorted(groups, key=groups.index)
    assert draw_few(list(reversed(TRAIN)), 20, seed=0) == few
    assert {e.id for e in draw_few(TRAIN, 10, seed=0)} < {e.id for e in few}
    assert len(draw_few(TRAIN, 1000, seed=0)) == 60


@pytest.mark.parametrize("n", [200, 256, 480, 1000, 5000])
def test_five_sizes_cost_about_one_and_a_half_of_the_largest(n):
    tunes = ladder(n)
    assert len({size for size, _ in tunes}) == 5
    assert tunes[-1] == (n, 0)
    assert sum(size for size, _ in tunes) <= 1.65 * n


def test_the_smallest_ladders_are_still_tunes():
    assert ladder(4) == [(4, 0)]
    assert [size for size, _ in ladder(20)] == [4, 6, 9, 13, 20]


def _handed(models, asked, **more):
    def small_tune(app, few, seed, folder):
        asked.append((len(few), seed, [message.content for message in app.prompt(few[0])]))
        return models[1], 2.0

    return Handed(small_tune, **more)


def test_a_tuned_model_is_let_go_before_the_next_is_trained(out, models):
    desk, made = Desk(study(out), APP, examples(60, "train"), models[0]), list[weakref.ref]()

    def small_tune(app, few, seed, folder):
        assert all(one() is None for one in made)
        model = dataclasses.replace(models[1])
        made.append(weakref.ref(model))
        return model, 2.0

    tunes = [Tune(f"tune_{n}", APP, n, 0) for n in (4, 6, 9)]
    trained = workshop(desk, tunes, small_tune, "key")
    for tune in tunes:
        assert trained(tune.name) is trained(tune.name)
    assert len(made) == 3


KEYS = Keys("key", "asked")


def _decide(run, models, handed, keys=KEYS, app=APP):
    inputs = {"train": "t", "validation": "v"}
    return decide(run, app, models[0], handed, keys=keys, inputs=inputs)


@pytest.fixture(scope="module")
def whole(tmp_path_factory, models):
    """One experiment, for the tests that look at its result only."""
    out, asked = tmp_path_factory.mktemp("whole"), []
    run = study(out)
    return run, _decide(run, models, _handed(models, asked)), asked


@pytest.fixture
def quick(monkeypatch):
    """An experiment that does not time its arms."""
    found = {"warm_up": 1.0, "seconds": [1.0], "peak_memory_gb": 1.0}
    monkeypatch.setattr("medtune.decide.stage.timing", lambda arm, some: found)


def test_the_whole_experiment(models, whole):
    run, decision, asked = whole
    out = run.out
    names = ["majority", "classical", *PROMPTS, "small_tune"]
    assert [one.name for one in decision.arms] == names
    assert all({p.n for p in one.estimates.values()} == {24} for one in decision.arms)
    rivals = {c.against for c in decision.comparisons if c.question == "tune"}
    assert rivals == {"majority", "classical", *PROMPTS, "guessing"}
    assert decision.rule == rule_of("accuracy")
    assert decision.gates[-1] == APP.gates[0]
    assert decision.gates[0].against in PROMPTS
    shots = decision.recipes["few_shot"].shots
    assert len(shots) == 3
    assert set(shots) <= {example.id for example in TRAIN}
    assert [n for n, _, _ in asked] == [4, 6, 9, 13, 20]
    assert decision.curve.projected_to == 60
    assert [point.seconds for point in decision.curve.points] == [2.0] * 5
    assert set(decision.outputs) == {
        f"decide/{name}.{end}" for name in [*names, *TUNES] for end in ("jsonl", "arm.json")
    }
    assert Decision.current(out, "key") == decision
    assert decision.verified(out) == decision
    # The random tune cannot be better than the texts that give the answer away.
    assert decision.verdict == "no"
    assert decision.recommendation == "classical"
    assert any(reason.startswith("classical: macro_f1 1.000") for reason in decision.reasons)
    small = read_predictions(out / "decide/small_tune.jsonl")
    expected = predict(models[1], APP, ASKED, settings=run.evaluate, what="x")
    assert small == list(expected.predictions)


def test_what_an_arm_costs_is_measured(whole):
    _, decision, _ = whole
    assert set(decision.costs) == {arm.name for arm in decision.arms}
    for cost in decision.costs.values():
        assert 0 < cost.latency_median_s <= cost.latency_p95_s
        assert cost.n_latency == 12
        assert cost.peak_memory_gb > 0
        assert cost.per_1000 > 0
    assert decision.costs["zero_shot"].hours_to_absorb == 0
    assert decision.costs["retrieval"].hours_to_absorb > 0
    # Two seconds for 20 examples in eight passes; train has 60, and two passes.
    assert decision.costs["small_tune"].hours_to_absorb == pytest.approx(2 * 3 / 4 / 3600)


@pytest.mark.usefixtures("quick")
def test_a_killed_experiment_goes_on_after_the_last_whole_arm(out, models):
    run = study(out)

    def killed(app, few, seed, folder):
        if len(few) > 6:
            raise KeyboardInterrupt
        return models[1], 2.0

    with pytest.raises(KeyboardInterrupt):
        _decide(run, models, Handed(killed))
    assert not (out / Decision.file).exists()
    before = {path.name: path.stat().st_mtime_ns for path in (out / "decide").glob("*.json*")}
    assert "tune_6_0.jsonl" in before
    asked = []
    resumed = _decide(run, models, _handed(models, asked))
    after = {path.name: path.stat().st_mtime_ns for path in (out / "decide").glob("*.json*")}
    assert {name: after[name] for name in before} == before
    assert [n for n, _, _ in asked] == [9, 13, 20]
    again = _decide(run, models, Handed(killed))
    fields = {"created", "signature"}
    assert again.model_dump(exclude=fields) == resumed.model_dump(exclude=fields)
    judged = _decide(run, models, Handed(killed), keys=Keys("other margin", "asked"))
    assert judged.arms == resumed.arms
    fresh = _decide(run, models, _handed(models, asked), keys=Keys("more", "more asked"))
    assert (resumed.look, again.look, judged.look, fresh.look) == (1, 1, 2, 3)


@pytest.mark.usefixtures("quick")
def test_free_replies_that_may_not_be_learned_from_go_through_the_same_experiment(out, models):
    asked = []
    run = changed(study(out), may_learn=False)
    decision = _decide(run, models, _handed(models, asked), app=FREE_APP)
    assert [one.name for one in decision.arms] == ["majority", *PROMPTS]
    assert all(gate.metric == "rouge_l" for gate in decision.gates)
    assert asked == []
    assert decision.verdict == "no"
    assert decision.curve is None
    assert any("may learn" in reason for reason in decision.reasons)


def _documents(tmp_path):
    path = tmp_path / "guide.txt"
    path.write_text("Aspirin increases relief.\n\nA tumour decreases it.\n", encoding="utf-8")
    return [path]


@pytest.mark.usefixtures("quick")
def test_where_answers_must_cite_only_retrieval_is_judged(out, models, tmp_path):
    documents, asked = _documents(tmp_path), []
    run = changed(
        study(out),
        documents=(DocumentSection(source=f"path:{documents[0]}"),),
        must_cite=True,
    )
    decision = _decide(run, models, _handed(models, asked, documents=documents))
    assert decision.recommendation in ("retrieve", "not_enough_data", "nothing_works")
    assert decision.gates[0].against == "retrieval"
    assert any("Use these passages" in text for text in asked[-1][2])
    assert "small_tune" not in {arm.name for arm in decision.arms}


@pytest.mark.usefixtures("quick")
def test_what_a_tune_forgets_speaks_against_it(out, models):
    def retention(model):
        base = model is models[0]
        return {
            "general": [
                Prediction(str(i), str(i), "a", "a" if base or i % 2 else "b") for i in range(60)
            ]
        }

    run = changed(study(out), tune_examples=4)
    decision = _decide(run, models, _handed(models, [], retention=retention))
    lost = [one for one in decision.comparisons if one.question == "keep retention"]
    assert len(lost) == 1
    assert lost[0].difference.value == -0.5
    assert any("accuracy on general" in reason for reason in decision.reasons)


def test_a_goal_that_needs_subgroups_says_so_before_anything_is_spent(out, models):
    asked = []
    run = study(out).model_copy(update={"goal": "language"})
    with pytest.raises(ConfigError, match=r"decide\.focus"):
        _decide(changed(run, focus="language=es"), models, _handed(models, asked))
    assert asked == []


def test_a_metric_without_a_value_on_validation_says_so_before_anything_is_spent(out, models):
    app = dataclasses.replace(APP, metrics={"found": sensitivity("other")}, primary="found")
    with pytest.raises(UndefinedMetric, match="no target 'other'"):
        _decide(study(out), models, _handed(models, []), app=app)


def test_an_empty_split_is_named(out, models):
    run = study(out)
    (out / "validation.jsonl").write_text("", encoding="utf-8")
    with pytest.raises(DataError, match=r"validation\.jsonl: no examples"):
        _decide(run, models, _handed(models, []))


def test_no_text_of_a_record_is_in_the_decision(whole):
    out = whole[0].out
    for path in [out / Decision.file, *(out / "decide").glob("*.json")]:
        assert "patient" not in path.read_text(encoding="utf-8"), path.name
    for row in read_jsonl(out / "decide/zero_shot.jsonl"):
        assert "fields" not in row


@pytest.mark.parametrize(("enough", "n"), [(0.0, 5), (1e9, 12)])
def test_slow_single_requests_are_timed_on_fewer_examples(monkeypatch, enough: float, n: int):
    monkeypatch.setattr(costs, "ENOUGH_S", enough)
    asked = []
    found = costs.timing(lambda some: asked.append(len(some)), [None] * 12)
    assert len(found["seconds"]) == n
    assert asked == [1] * (n + 1)
