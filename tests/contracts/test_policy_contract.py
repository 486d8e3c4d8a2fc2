"""The contract of every policy, run for checkpoints of every supported architecture."""

import policy_contract as contract
import pytest
from tiny_models import ARCHITECTURES, tiny_policy

POLICIES = {name: tiny_policy(name) for name in ARCHITECTURES}


@pytest.mark.parametrize("check", contract.ALL_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_checkpoint_keeps_the_contract(check, architecture):
    check(POLICIES[architecture])
