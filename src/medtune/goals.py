"""Why tune: the eight goals, what each must improve and must not harm, and what we measure of it.

A goal is built when everything that it promises to improve or not to harm is measured. What is not
measured yet is listed here, and the model card prints it.
"""

from dataclasses import dataclass

from medtune.config import GoalName

PRIMARY = "the application's primary metric on the sealed test, paired against every other arm"
CALIBRATION = "expected calibration error, with its interval, where the arm gives confidences"
RETENTION = "general, medical and safety items before and after tuning, every flip by id"
DOMAINS = "the primary metric by source, year, attribute and extra set, before and after tuning"


@dataclass(frozen=True, slots=True)
class Goal:
    """One reason to tune."""

    name: GoalName
    must_improve: str
    must_not_harm: str
    measured: tuple[str, ...]
    """What medtune measures of the two today."""
    not_measured: tuple[str, ...]
    """What it does not measure yet; empty when the goal is built."""

    @property
    def built(self) -> bool:
        """Whether everything that the goal promises is measured."""
        return not self.not_measured


GOALS: dict[GoalName, Goal] = {
    "domain_knowledge": Goal(
        name="domain_knowledge",
        must_improve="accuracy on the domain's questions",
        must_not_harm="general ability",
        measured=(PRIMARY, RETENTION),
        not_measured=(),
    ),
    "custom_data": Goal(
        name="custom_data",
        must_improve="the user's own metric on the user's own records",
        must_not_harm="general ability",
        measured=(PRIMARY, RETENTION),
        not_measured=(),
    ),
    "accuracy": Goal(
        name="accuracy",
        must_improve="the task's metric: sentiment, entities, question answering and the like",
        must_not_harm="calibration",
        measured=(PRIMARY, CALIBRATION),
        not_measured=(),
    ),
    "bias": Goal(
        name="bias",
        must_improve="the worst subgroup's metric, and the counterfactual flip rate",
        must_not_harm="the overall metric",
        measured=(
            PRIMARY,
            "every metric by subgroup and intersection, against the rest and before tuning",
            "the flip rate of the counterfactual pairs that evaluate.swaps names",
        ),
        not_measured=(),
    ),
    "language": Goal(
        name="language",
        must_improve="the metric in the target language or locale",
        must_not_harm="the metric in the source language",
        measured=(PRIMARY, DOMAINS),
        not_measured=(),
    ),
    "style": Goal(
        name="style",
        must_improve="adherence to a written guideline or brand voice, rule by rule",
        must_not_harm="factual content",
        measured=(PRIMARY, "every other metric of the application on validation, paired"),
        not_measured=("adherence to each rule of the guideline", "factual content of the replies"),
    ),
    "freshness": Goal(
        name="freshness",
        must_improve="answers to dated facts that changed",
        must_not_harm="answers to facts that did not change",
        measured=(
            PRIMARY,
            "the facts of evaluate.dated_facts: current, superseded and unchanged answers, before "
            "and after tuning",
        ),
        not_measured=(),
    ),
    "efficiency": Goal(
        name="efficiency",
        must_improve="cost, latency or size at equal quality",
        must_not_harm="quality against a larger model or a longer prompt",
        measured=(
            PRIMARY,
            "cost of 1,000 requests, latency of single requests and memory of each arm",
            "whether quality is equal within a margin fixed beforehand, by a gate of the release",
        ),
        not_measured=(),
    ),
}
