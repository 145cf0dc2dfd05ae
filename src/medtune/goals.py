"""Why tune: the eight goals, what each must improve and must not harm, and what we measure of it.

A goal is built when everything that it promises to improve or not to harm is measured. What is not
measured yet is listed here, and the model card prints it.
"""

from dataclasses import dataclass

from medtune.config import GoalName

PRIMARY = "the application's primary metric on the sealed test, paired against every other arm"
CALIBRATION = "expected calibration error, with its interval, where the arm gives confidences"


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
        measured=(PRIMARY,),
        not_measured=("general ability before and after tuning",),
    ),
    "custom_data": Goal(
        name="custom_data",
        must_improve="the user's own metric on the user's own records",
        must_not_harm="general ability",
        measured=(PRIMARY,),
        not_measured=("general ability before and after tuning",),
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
            "the primary metric by subgroup, without a test between subgroups",
            "the worst subgroup of every arm on validation, paired, and the metric over all",
        ),
        not_measured=(
            "the worst subgroup before and after tuning, on the sealed test",
            "the flip rate of counterfactual pairs",
        ),
    ),
    "language": Goal(
        name="language",
        must_improve="the metric in the target language or locale",
        must_not_harm="the metric in the source language",
        measured=(PRIMARY, "both languages on validation, where decide.focus names the target"),
        not_measured=("the metric in the source language, on the sealed test",),
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
        measured=(PRIMARY, "changed and unchanged facts on validation, named by decide.focus"),
        not_measured=("changed and unchanged facts, on the sealed test",),
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
