"""The metrics: each takes predictions and gives a number in [0, 1], where 1 is best.

Failed predictions must be left out before. An answer that the model declined to give, or that
could not be read, counts as wrong. The functions here run thousands of times inside a bootstrap,
so they are written to be fast: `macro_f1` takes about 50 microseconds for 300 predictions. A metric
that has no value on some predictions raises UndefinedMetric.
"""

from medtune.metrics.chances import auprc, auroc, macro_auroc
from medtune.metrics.fields import json_match
from medtune.metrics.labels import (
    accuracy,
    exact_match,
    f1,
    macro_f1,
    negative_predictive_value,
    positive_predictive_value,
    sensitivity,
    specificity,
)
from medtune.metrics.numbers import number_within, quantity_within
from medtune.metrics.ranking import mean_reciprocal_rank, ndcg, recall_at
from medtune.metrics.rubric import Criterion, check_rubric, rubric_points, rubric_score
from medtune.metrics.spans import span_f1, span_overlap_f1, span_precision, span_recall
from medtune.metrics.text import fact_precision, fact_recall, rouge_l, rouge_n, supported

__all__ = [
    "Criterion",
    "accuracy",
    "auprc",
    "auroc",
    "check_rubric",
    "exact_match",
    "f1",
    "fact_precision",
    "fact_recall",
    "json_match",
    "macro_auroc",
    "macro_f1",
    "mean_reciprocal_rank",
    "ndcg",
    "negative_predictive_value",
    "number_within",
    "positive_predictive_value",
    "quantity_within",
    "recall_at",
    "rouge_l",
    "rouge_n",
    "rubric_points",
    "rubric_score",
    "sensitivity",
    "span_f1",
    "span_overlap_f1",
    "span_precision",
    "span_recall",
    "specificity",
    "supported",
]
