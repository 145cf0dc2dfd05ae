"""When a training has to end because the next look at validation would be beyond its budget."""

from medtune.tune.job import Job


def is_spent(job: Job, step: int, n_tokens: int, seconds: float) -> bool:
    """Whether going on to the next look would take more than `compute.budget_*` allow.

    The seconds to come are foreseen from the tokens to come, at the rate so far.

    Args:
        job: What is learnt, with its settings.
        step: The optimizer steps done, the last of which was followed by a look.
        n_tokens: Read in them.
        seconds: That they and their looks took.
    """
    asked, every = job.run.compute, job.run.tune.validate_every
    look = min(step - step % every + every, len(job.steps))
    then = n_tokens + sum(job.n_tokens(number) for number in range(step + 1, look + 1))
    too_long = asked.budget_hours is not None and (
        seconds * then > asked.budget_hours * 3600 * n_tokens
    )
    return too_long or (asked.budget_tokens is not None and then > asked.budget_tokens)
