"""The decision in sentences: one for each arm, with why it lost, then what follows."""

from collections.abc import Mapping

from medtune.artifacts import Arm, Comparison, Decision
from medtune.decide.baselines import MAJORITY
from medtune.decide.compare import PROJECTED, TUNE_RETRIEVAL, TUNES
from medtune.decide.cost import LEAST, SAVING
from medtune.decide.prompting import RETRIEVAL
from medtune.decide.verdict import Answer, Judgement, best_rival, usefulness
from medtune.records import Estimate, Verdict

SAYS: Mapping[Verdict, str] = {
    "yes": "is better than",
    "no": "is not better than",
    "not_enough_data": "cannot be told from",
}

SHOWN: Mapping[Verdict, str] = {
    "yes": "shown",
    "no": "not so",
    "not_enough_data": "not shown",
}


def reasons_of(decision: Decision, judgement: Judgement) -> list[str]:
    """One sentence for each arm, one for each comparison that the tune had to win, and the advice.

    Args:
        decision: All but the verdict.
        judgement: What the rule says of it.
    """
    return [
        *(_arm_sentence(decision, judgement, arm) for arm in decision.arms),
        *_tune_sentences(decision, judgement),
        *_curve_sentence(decision),
        _advice(decision, judgement),
    ]


def _arm_sentence(decision: Decision, judgement: Judgement, arm: Arm) -> str:
    metric = decision.objective or decision.primary
    found = arm.estimates[metric]
    price = ""
    if arm.name in decision.costs:
        cost = decision.costs[arm.name]
        price = (
            ", price of a request unknown"
            if cost.per_1000 is None
            else f", {cost.per_1000:.2g} {decision.currency} per 1,000 requests"
        )
    return (
        f"{arm.name}: {metric} {found.value:.3f} ({found.low:.3f} to {found.high:.3f}) on "
        f"{found.n} examples of {found.n_groups} groups{price}; "
        f"{_why_not(decision, judgement, arm)}."
    )


def _why_not(decision: Decision, judgement: Judgement, arm: Arm) -> str:
    """Why the arm is not the one recommended."""
    winner = judgement.winner
    if winner in (arm.name, PROJECTED.get(arm.name)):
        return "recommended"
    between = _between(decision, winner, arm.name)
    if between is not None:
        return f"{winner} differs from it by {_numbers(between)}"
    return _on_its_own(decision, arm)


def _on_its_own(decision: Decision, arm: Arm) -> str:
    """What speaks against an arm without comparing it with the one recommended."""
    retrieves = arm.name in (RETRIEVAL, TUNE_RETRIEVAL)
    faults = {
        f"{arm.failed} of its answers failed, so it is not judged": arm.failed > 0,
        "it knows nothing of the question": arm.name == MAJORITY,
        "it does not retrieve, as this task must": decision.facts.must_retrieve and not retrieves,
        "what its learning curve says stands below": arm.name in TUNES,
        "it is not shown to be better than guessing and than the most frequent answer": (
            usefulness(decision, arm.name) != "yes"
        ),
    }
    shown = [fault for fault, is_so in faults.items() if is_so]
    return shown[0] if shown else "better than guessing, but not what decides"


def _between(decision: Decision, winner: str, name: str) -> Comparison | None:
    """The comparison of the winner with an arm, from the winner's side."""
    for one in decision.comparisons:
        if (one.arm, one.against) == (winner, name):
            return one
        measured = {PROJECTED.get(name), name}
        if one.against == winner and one.arm in measured:
            found = one.difference
            turned = Estimate(
                value=-found.value,
                low=-found.high,
                high=-found.low,
                n=found.n,
                n_groups=found.n_groups,
                method=found.method,
            )
            return one.model_copy(
                update={"arm": one.against, "against": one.arm, "difference": turned}
            )
    return None


def _tune_sentences(decision: Decision, judgement: Judgement) -> list[str]:
    if not decision.facts.may_learn:
        return [
            "Nothing was tuned: the run file says that no model may learn from these records "
            "(decide.may_learn)."
        ]
    asked = [one for some in judgement.answers.values() for one in some]
    told = [_answer_sentence(decision, one) for one in asked]
    if decision.goal == "efficiency" and not any(_of_cost(one) for one in asked):
        told.append(
            "What a request of a tuned model saves cannot be told: its price, or that of the best "
            "prompting arm, is 0 or unknown (decide.price_cpu_hour, decide.price_gpu_hour, the "
            "prices of decide.endpoint, and the tokens that its server must name), or fewer than "
            f"{LEAST} requests were put to both."
        )
    return told


def _of_cost(one: Answer) -> bool:
    return one.comparison.question == SAVING


def _answer_sentence(decision: Decision, one: Answer) -> str:
    comparison = one.comparison
    if _of_cost(one):
        found = comparison.difference
        return (
            f"A request of {comparison.arm} saves {100 * found.value:.0f} % "
            f"({100 * found.low:.0f} to {100 * found.high:.0f}) of the price of one of "
            f"{comparison.against}, put to both in turn {found.n} times; "
            f"{100 * one.margin:.0f} % are asked for, here and in batches: {SHOWN[one.verdict]}."
        )
    if one.margin < 0:
        says = {
            "yes": "is no worse than",
            "no": "is worse than",
            "not_enough_data": "may be worse than",
        }[one.verdict]
        by = f" by {-one.margin:g}"
    else:
        says, by = SAYS[one.verdict], f" by more than {one.margin:g}" if one.margin else ""
    where = "" if comparison.metric == (decision.objective or decision.primary) else "kept, "
    return (
        f"{comparison.arm} {says} {comparison.against}{by}: {where}difference in "
        f"{comparison.metric} {_numbers(comparison)}."
    )


def _numbers(comparison: Comparison) -> str:
    found = comparison.difference
    return (
        f"{found.value:+.3f} ({found.low:+.3f} to {found.high:+.3f}), adjusted p "
        f"{comparison.p_adjusted:.2g}"
    )


def _curve_sentence(decision: Decision) -> list[str]:
    curve = decision.curve
    if curve is None:
        return []
    chances = ", ".join(f"{int(n):,}: {100 * p:.0f} %" for n, p in curve.chances.items())
    return [
        f"By the learning curve of {len(curve.points)} tunes up to {curve.points[-1].examples:,} "
        f"examples, of {curve.train_examples:,} there are, a tune beats the best other arm by the "
        f"margin with this probability at so many examples: {chances}. Tunes of one size differ by "
        f"{curve.draw_sd:.3f} (standard deviation) from draw to draw."
    ]


def _advice(decision: Decision, judgement: Judgement) -> str:
    curve = decision.curve
    best = best_rival(decision)
    match judgement.recommendation:
        case "tune":
            text = "Tune the model."
        case "tune_retrieve":
            text = "Tune the model on prompts with retrieved passages, and retrieve in use too."
        case "prompt":
            text = f"Do not tune: use the prompt of {judgement.winner}."
        case "retrieve":
            text = "Do not tune: retrieve, and put what is found before each question."
        case "classical":
            text = "Do not tune: the classical baseline is better than every language-model arm."
        case "collect_more_data":
            assert curve is not None, "it is the curve that says so"
            assert curve.needed is not None, "it is the curve that says so"
            text = (
                f"Collect more data: about {curve.needed:,} training examples (now "
                f"{curve.train_examples:,}) are likely to make tuning worth it. Until then, the "
                f"best prompting arm is {best}."
            )
        case "nothing_works":
            text = (
                "No arm is better than guessing, and the learning curve does not rise: more of the "
                "same data is not expected to help. Look at the task and at its labels."
            )
        case _:
            text = _more_needed(decision, judgement, best)
    return text


def _more_needed(decision: Decision, judgement: Judgement, best: str) -> str:
    curve, groups = decision.curve, decision.needed_groups
    head = f"Not enough data to tell. Until there are, the best prompting arm is {best}."
    if judgement.verdict == "no" and curve is not None:
        chance = max(curve.chances.values())
        rising = " It is still rising at its largest tune." if curve.still_rising else ""
        return (
            f"Do not tune on these data; the best prompting arm is {best}. There is not enough "
            "data to tell whether more would change that: by the curve, the chance is "
            f"{100 * chance:.0f} % at {list(curve.chances)[-1]} training examples.{rising}"
        )
    if curve is not None and curve.projected_to < curve.train_examples:
        head += (
            f" The curve was read at {curve.projected_to:,} of {curve.train_examples:,} training "
            "examples only: raise decide.tune_examples."
        )
    if groups is not None:
        return (
            f"{head} If the difference seen is the true one, about {groups:,} validation groups "
            "would show it with 80 % power."
        )
    return (
        f"{head} No number of validation groups can be named that would tell: the tunes differ too "
        "much from draw to draw, or are not ahead. More training examples make them differ less."
    )
