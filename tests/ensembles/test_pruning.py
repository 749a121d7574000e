from autoglm.ensembles.pruning import prune


def test_a_slow_member_that_hardly_helps_goes() -> None:
    help_of = {"quick": 1.0, "slow": 5e-4}
    kept = prune({"quick": 0.6, "slow": 0.4}, {"quick": 1.0, "slow": 500.0}, lambda w: 2.0 - sum(help_of[n] for n in w))
    assert kept == {"quick": 1.0}


def test_a_member_that_helps_stays() -> None:
    kept = prune({"a": 0.5, "b": 0.5}, {"a": 500.0, "b": 500.0}, lambda w: 2.0 - len(w) / 2)
    assert kept == {"a": 0.5, "b": 0.5}
