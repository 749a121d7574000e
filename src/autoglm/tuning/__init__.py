"""Search over settings: the cube of a space, candidates, a surrogate and a policy that chooses among them."""
