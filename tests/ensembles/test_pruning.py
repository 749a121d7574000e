from autoglm.ensembles.pruning import LIMIT, MOST, prune, trim


def test_a_slow_member_that_hardly_helps_goes() -> None:
    help_of = {"quick": 1.0, "slow": 5e-4}
    kept = prune({"quick": 0.6, "slow": 0.4}, {"quick": 1.0, "slow": 500.0}, lambda w: 2.0 - sum(help_of[n] for n in w))
    assert kept == {"quick": 1.0}


def test_a_member_that_helps_stays() -> None:
    kept = prune({"a": 0.5, "b": 0.5}, {"a": 500.0, "b": 500.0}, lambda w: 2.0 - len(w) / 2)
    assert kept == {"a": 0.5, "b": 0.5}


def test_a_quick_member_keeps_all_its_models_and_a_slow_one_what_the_limit_allows() -> None:
    kept = trim({"quick": 0.6, "slow": 0.4}, {"quick": 5, "slow": 5}, {"quick": 0.6, "slow": 14.0})
    assert kept == {"quick": 5, "slow": 2}
    assert sum({"quick": 0.6, "slow": 14.0}[n] * k for n, k in kept.items()) <= LIMIT


def test_speed_is_not_bought_at_any_price() -> None:
    kept = trim({"a": 0.5, "b": 0.5}, {"a": 5, "b": 5}, {"a": 900.0, "b": 900.0})
    assert kept == {"a": 3, "b": 4}  # a third model is worth .5^2 / 6, more than is left to give up
    assert trim({"a": 0.9, "b": 0.1}, {"a": 5, "b": 5}, {"a": 9.0, "b": 900.0}) == {"a": 4, "b": 1}


def test_without_a_clock_only_the_number_counts() -> None:
    kept = trim({"light": 0.1, "heavy": 0.9}, {"light": 40, "heavy": 40}, {})
    assert sum(kept.values()) == MOST
    assert kept["heavy"] > 3 * kept["light"]
