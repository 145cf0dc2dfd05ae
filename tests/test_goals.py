"""The eight goals say what they promise and what is not measured of it."""

from typing import get_args

from medtune.config import GoalName
from medtune.goals import GOALS, Goal


def test_every_goal_of_the_run_file_has_one_entry_under_its_name():
    assert tuple(GOALS) == get_args(GoalName)
    assert [goal.name for goal in GOALS.values()] == list(GOALS)


def test_a_goal_with_something_unmeasured_is_not_built():
    goal = Goal("style", "rules", "facts", measured=("rules",), not_measured=("facts",))
    assert not goal.built
    assert Goal("style", "rules", "facts", ("rules", "facts"), ()).built


def test_only_the_goals_whose_whole_promise_is_measured_are_built():
    assert [name for name, goal in GOALS.items() if not goal.built] == ["style"]
    assert all(
        goal.measured and goal.must_improve and goal.must_not_harm for goal in GOALS.values()
    )
