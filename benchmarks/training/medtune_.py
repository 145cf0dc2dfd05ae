"""medtune as a contestant: the functions that `medtune tune` runs, on the workload's token ids."""

import argparse
from pathlib import Path

from gate import Gate, first_adapter, rate, steps

from medtune.config import DataSection, ModelSection, Run, SourceSection, TuneSection
from medtune.llm.load import load_model
from medtune.llm.numerics import Numerics, apply_numerics
from medtune.llm.render import Rendered
from medtune.llm.source import ModelFolder
from medtune.tune.job import Job, at_work
from medtune.tune.lesson import Lessons
from medtune.tune.loop import train


def options() -> argparse.Namespace:
    """What the referee asks for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("work", type=Path)
    parser.add_argument("name")
    parser.add_argument("model", type=Path)
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], required=True)
    parser.add_argument("--processes", type=int)
    return parser.parse_args()


def main() -> None:
    """Train, a step at each turn."""
    asked = options()
    gate, work = Gate(asked.work, asked.name, 0), steps(asked.work)

    import torch

    folder = ModelFolder(asked.model, "benchmark", "0" * 64, "benchmark")
    numerics = Numerics(asked.dtype, None, "the benchmark", None)
    apply_numerics(numerics)
    lm = load_model(
        folder,
        numerics,
        context_tokens=2048,
        processes=asked.processes,
    )
    rendered = [
        (Rendered(one.ids, [at >= one.n_prompt for at in range(len(one.ids))]),)
        for step in work
        for one in step
    ]
    lessons = Lessons([str(at) for at in range(len(rendered))], rendered)
    size = len(work[0])
    order = [list(range(at, at + size)) for at in range(0, len(rendered), size)]
    source, start = SourceSection(source="path:none"), first_adapter(asked.work)
    run = Run(
        app="benchmark",
        goal="accuracy",
        out=asked.work,
        model=ModelSection(source="path:none"),
        data=DataSection(sources=(source,)),
        tune=TuneSection(examples_per_step=size, adapter="lora" if start else "full"),
    )
    job = Job(run, lm, lessons, Lessons(lessons.ids[:1], rendered[:1]), order)
    with at_work(job) as ready:
        weights = list(ready.adapter.weights.values())
        if start:
            first = torch.load(start)
            with torch.no_grad():
                for name, weight in ready.adapter.weights.items():
                    weight.copy_(first[name])
        optimizer = torch.optim.AdamW(weights, lr=0.0, weight_decay=0.0, fused=True)
        logs = train(
            weights,
            optimizer,
            range(1, len(work) + 1),
            ready.team.gradient,
            lambda _: rate(asked.work),
            max_grad_norm=1.0,
        )
        while True:
            gate.wait()
            log = next(logs)
            gate.done(log.loss, ready.team.peak())


if __name__ == "__main__":
    main()
