"""The contract of every policy, run for checkpoints of every supported architecture."""

import importlib.util
from pathlib import Path

import pytest
from tiny_models import ARCHITECTURES, tiny_policy

_PATH = Path(__file__).parents[2] / "contracts" / "policy_contract.py"
_SPEC = importlib.util.spec_from_file_location("hf_policy_contract", _PATH)
contract = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(contract)
POLICIES = {name: tiny_policy(name) for name in ARCHITECTURES}


@pytest.mark.parametrize("check", contract.ALL_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_checkpoint_keeps_the_contract(check, architecture):
    check(POLICIES[architecture])
