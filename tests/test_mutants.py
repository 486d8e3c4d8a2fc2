"""Mutants of the maths and of the detectors, each killed by a named check: proof that the checks can fail.

A mutant is a function that patches one wrong line in, where training would meet it.
"""

import dataclasses

import checks
import detector_checks
import pytest
import torch

from secondthought.config import AlgorithmConfig
from secondthought.habits import agreement, patterns, repeats
from secondthought.habits.judge import detector as judge
from secondthought.habits.judge import quotes as judge_quotes
from secondthought.inference import decoding
from secondthought.models import token_scores, tree_forward
from secondthought.models.local import LocalModel
from secondthought.models.probe import Deviation
from secondthought.models.tree_attention import PackedTrees
from secondthought.models.tree_forward import TRUNK, Target, TreeForward
from secondthought.rl import kl
from secondthought.rl.advantages import group_relative
from secondthought.rl.losses import clipped_surrogate
from secondthought.tasks.countdown.reading import attempts as functional_attempts
from secondthought.tasks.countdown.reading import backward as functional_backward
from secondthought.tasks.countdown.reading import detector as functional
from secondthought.tasks.countdown.reading import records as functional_records
from secondthought.tasks.countdown.reading.checks import Remark
from secondthought.train import credit, learner, rescoring
from secondthought.train.critic import advantages as critic_advantages
from secondthought.train.critic import learner as critic
from secondthought.train.critic.learner import Critic
from secondthought.train.learner import Learner
from secondthought.types import Span

CHECKS = checks.CHECKS | detector_checks.CHECKS


@pytest.mark.parametrize("name", CHECKS)
def test_check_holds(name):
    CHECKS[name]()


MUTANTS = {}


def mutant(killer):
    """Register a mutant with the check that must kill it."""

    def register(patch):
        MUTANTS[patch.__name__] = (patch, killer)
        return patch

    return register


@mutant("check_good_tokens_become_likelier")
def sign_of_the_surrogate_flipped(patch):
    patch.setattr(learner, "clipped_surrogate", lambda p, old, a, **clip: clipped_surrogate(p, old, -a, **clip))


@mutant("check_at_the_old_weights_the_update_is_reinforce")
def ratio_upside_down(patch):
    patch.setattr(learner, "clipped_surrogate", lambda p, old, a, **clip: clipped_surrogate(old, p, a, **clip))


@mutant("check_the_step_equals_the_oracle")
def clip_bounds_swapped(patch):
    patch.setattr(
        learner,
        "clipped_surrogate",
        lambda p, old, a, clip_low, clip_high: clipped_surrogate(p, old, a, clip_low=clip_high, clip_high=clip_low),
    )


@mutant("check_the_step_equals_the_oracle")
def surrogate_never_clipped(patch):
    patch.setattr(
        learner,
        "clipped_surrogate",
        lambda p, old, a, **_: clipped_surrogate(p, old, a, clip_low=0.999, clip_high=1e9),
    )


@mutant("check_masked_tokens_are_silent")
def mask_missing(patch):
    right = tree_forward.as_tensors

    def all_learn(*args):
        found = right(*args)
        return found._replace(learns=torch.ones_like(found.learns))

    patch.setattr(tree_forward, "as_tensors", all_learn)


@mutant("check_the_step_equals_the_oracle")
def context_tokens_learn(patch):
    right = tree_forward._of_tree

    def with_context(number, tree):
        yield from right(number, tree)
        for index, branch in enumerate(tree.branches):
            for at, (token, learns, held) in enumerate(
                zip(branch.token_ids, branch.learns, branch.anchored, strict=True)
            ):
                if not learns and not held:
                    yield Target(number, index, at, token, branch.old_logprobs[at], 0.0, True)

    patch.setattr(tree_forward, "_of_tree", with_context)


def _denominators(patch, count):
    right = Learner._loss
    patch.setattr(
        Learner, "_loss", lambda self, trees, learning, held: right(self, trees, *count(trees, learning, held))
    )


@mutant("check_how_a_step_is_cut_changes_nothing")
def divided_by_each_micro_batchs_own_tokens(patch):
    _denominators(patch, lambda trees, *_: (sum(t.num_learning for t in trees), sum(t.num_anchored for t in trees)))


@mutant("check_the_step_equals_the_oracle")
def mean_over_padded_tokens(patch):
    def padded(trees, learning, held):
        widest = max(len(b.token_ids) for tree in trees for b in tree.branches)
        return sum(len(tree.branches) for tree in trees) * widest, held

    _denominators(patch, padded)


@mutant("check_the_step_equals_the_oracle")
def mean_over_groups(patch):
    _denominators(patch, lambda trees, learning, held: (len(trees), held))


@mutant("check_flat_groups_change_nothing")
def flat_groups_left_in(patch):
    patch.setattr("secondthought.trees.TokenTree.is_flat", property(lambda self: False))


@mutant("check_advantages_equal_the_oracle")
def mean_added_back(patch):
    patch.setattr(credit, "group_relative", lambda rewards, scale: rewards.clone())


@mutant("check_advantages_equal_the_oracle")
def bessel_corrected_deviation(patch):
    def corrected(rewards, *, scale):
        centred = rewards - rewards.mean()
        return centred / rewards.std() if scale else centred

    patch.setattr(credit, "group_relative", corrected)


@mutant("check_advantages_of_equal_rewards_are_exactly_zero")
def rounding_noise_scaled_up(patch):
    def noisy(rewards, *, scale):
        centred = rewards - rewards.mean()
        return centred / centred.pow(2).mean().sqrt().clamp_min(1e-30) if scale else centred

    patch.setattr(credit, "group_relative", noisy)


@mutant("check_positive_advantages_never_push_down")
def positive_part_negated(patch):
    patch.setattr(credit, "positive_part", lambda advantages: advantages.clamp_max(0.0))


@mutant("check_the_step_equals_the_oracle")
def logits_one_token_late(patch):
    right = TreeForward.logits
    patch.setattr(TreeForward, "logits", lambda self, model: right(self, model).roll(1, 0))


@mutant("check_the_first_token_counts_once_per_branch")
def first_token_of_a_branch_dropped(patch):
    right = tree_forward._of_tree
    patch.setattr(tree_forward, "_of_tree", lambda *args: (t for t in right(*args) if t.branch == TRUNK or t.at > 0))


@mutant("check_the_first_token_counts_once_per_branch")
def first_token_counted_once_per_group(patch):
    right = tree_forward._of_tree
    patch.setattr(tree_forward, "_of_tree", lambda *args: (t for t in right(*args) if t.branch <= 0 or t.at > 0))


@mutant("check_shared_equals_plain")
def trunk_detached(patch):
    right = PackedTrees._merged

    def detached(self, q, trunk, own, rule):
        return right(self, q, tuple(part.detach() for part in trunk), own, rule)

    patch.setattr(PackedTrees, "_merged", detached)


@mutant("check_shared_equals_plain")
def branch_positions_start_at_zero(patch):
    right = PackedTrees.__init__

    def restarted(self, trees, device):
        right(self, trees, device)
        positions = []
        for trunk, branches in trees:
            for part in (trunk, *branches):
                positions += range(len(part))
        self.position_ids = torch.tensor([positions], device=device)

    patch.setattr(PackedTrees, "__init__", restarted)


@mutant("check_shared_equals_plain_under_a_window")
def branches_see_their_own_future(patch):
    right = PackedTrees._branch_mask
    patch.setattr(PackedTrees, "_branch_mask", lambda self, window: torch.ones_like(right(self, window)))


@mutant("check_shared_equals_plain")
def padding_of_shorter_trunks_is_seen(patch):
    patch.setattr(PackedTrees, "_trunk_bias", lambda self, dtype: None)


@mutant("check_shared_equals_plain")
def parts_of_attention_merged_with_equal_weights(patch):
    patch.setattr(torch, "logaddexp", lambda a, b: (a + b) / 2)


@mutant("check_shared_equals_plain_under_a_window")
def window_forgotten(patch):
    right = PackedTrees.attend

    def wide(self, layer, query, key, value, rule):
        return right(self, layer, query, key, value, rule._replace(window=None))

    patch.setattr(PackedTrees, "attend", wide)


@mutant("check_kl_estimates_the_divergence")
def k3_of_the_reverse_divergence(patch):
    right = kl.kl_k3
    patch.setattr(kl, "kl_k3", lambda p, q: right(q, p))


@mutant("check_the_step_equals_the_oracle")
def kl_to_the_reference_reversed_in_the_loss(patch):
    right = learner.kl_k3
    patch.setattr(learner, "kl_k3", lambda p, q: right(q, p))


@mutant("check_the_step_equals_the_oracle")
def anchor_kl_left_out(patch):
    right = tree_forward._of_tree
    patch.setattr(tree_forward, "_of_tree", lambda *args: (t for t in right(*args) if t.learns))


@mutant("check_the_reported_loss_is_the_oracles")
def kl_weight_left_out_of_the_report(patch):
    right = Learner.backward

    def silent(self, trees):
        sums = right(self, trees)
        sums.kl_ref = 0.0
        return sums

    patch.setattr(Learner, "backward", silent)


@mutant("check_the_step_equals_the_oracle")
def temperature_ignored_in_training(patch):
    right = token_scores.token_logprobs
    patch.setattr(token_scores, "token_logprobs", lambda logits, ids, temperature: right(logits, ids))


@mutant("check_recorded_logprobs_are_those_of_the_sampled_distribution")
def temperature_ignored_in_the_record(patch):
    right = decoding.draw

    def unscaled(logits, keys, positions, temperature):
        tokens, _ = right(logits, keys, positions, temperature)
        log_p = logits.log_softmax(-1)
        return tokens, [float(log_p[row, token]) for row, token in enumerate(tokens)]

    patch.setattr(decoding, "draw", unscaled)


@mutant("check_sampling_does_not_depend_on_the_batch")
def random_numbers_by_row_of_the_batch(patch):
    right = decoding.draw
    patch.setattr(decoding, "draw", lambda logits, keys, *rest: right(logits, list(range(len(keys))), *rest))


@mutant("check_sampling_does_not_depend_on_the_batch")
def one_random_number_for_all_positions(patch):
    right = decoding.draw
    patch.setattr(
        decoding, "draw", lambda logits, keys, at, temperature: right(logits, keys, [0] * len(at), temperature)
    )


@mutant("check_only_the_reflection_learns")
def retry_learns_with_the_reflection(patch):
    right = credit._paths

    def leaky(branch, advantage, of_tries, config):
        return right(branch, advantage, of_tries, config.model_copy(update={"credit": "all"}))

    patch.setattr(credit, "_paths", leaky)


@mutant("check_requests_never_learn")
def request_learns(patch):
    def learning(self, turn):
        self._rows += [(token, 0.0, 1.0, True, False) for token in turn.prompt_ids]
        return self

    patch.setattr(credit._Path, "request", learning)


@mutant("check_no_token_learns_twice")
def reflection_learns_once_per_retry(patch):
    right = credit._paths

    def doubled(branch, advantage, of_tries, config):
        found = right(branch, advantage, of_tries, config)
        return [found[0]] * len(found)

    patch.setattr(credit, "_paths", doubled)


@mutant("check_fresh_retries_equal_the_oracle_of_rows")
def the_trees_of_a_group_dropped_one_by_one(patch):
    patch.setattr(learner, "by_group", lambda trees: [[tree] for tree in trees])


@mutant("check_fresh_retries_equal_the_oracle_of_rows")
def note_left_out_of_a_fresh_retrys_context(patch):
    right = credit._Path.request
    patch.setattr(credit._Path, "request", lambda self, turn, skip=0: self if skip else right(self, turn))


@mutant("check_fresh_retries_equal_the_oracle_of_rows")
def fresh_retries_learn_after_the_failed_try(patch):
    right = credit._with_fresh_retries

    def behind(tree, retries):
        found = right(tree, retries)
        if len(found) == 1:
            return found
        before = tree.trunk + found[1].trunk
        return found[0], dataclasses.replace(found[1], trunk=before, trunk_anchored=(False,) * len(before))

    patch.setattr(credit, "_with_fresh_retries", behind)


@mutant("check_fresh_retries_equal_the_oracle_of_rows")
def fresh_retries_anchored_and_learning(patch):
    """Where a retry learns, the anchor is not on it."""
    right = credit._Path.add

    def held(self, turn, advantage, **how):
        return right(self, turn, advantage, **{**how, "anchored": turn.fresh or how.get("anchored", False)})

    patch.setattr(credit._Path, "add", held)


@mutant("check_credited_groups_equal_the_oracle_of_rows")
def a_retry_judged_by_its_reflections_mean(patch):
    right = credit._paths

    def averaged(branch, advantage, of_tries, config):
        return right(branch, advantage, [sum(of_tries) / len(of_tries)] * len(of_tries), config)

    patch.setattr(credit, "_paths", averaged)


@mutant("check_stripped_retries_learn_after_the_bare_problem")
def stripped_retries_keep_the_notes_log_probabilities(patch):
    right = credit._Path.add
    patch.setattr(
        credit._Path,
        "add",
        lambda self, turn, advantage, **how: right(self, turn, advantage, **{**how, "elsewhere": False}),
    )


@mutant("check_stripped_retries_learn_after_the_bare_problem")
def temperature_ignored_in_rescoring(patch):
    right = TreeForward.scores
    patch.setattr(rescoring.TreeForward, "scores", lambda self, model, temperature: right(self, model))


@mutant("check_the_reference_does_not_move")
def reference_is_the_policy_itself(patch):
    patch.setattr(learner, "reference_of", lambda policy, world: _Live(policy.model))


@mutant("check_the_critic_advantages_equal_the_oracle")
def discount_one_token_late(patch):
    """Rewards and values of GAE moved against each other by one token."""
    right = critic_advantages.gae
    patch.setattr(
        critic_advantages, "gae", lambda rewards, values, mask, **how: right(rewards.roll(1, 1), values, mask, **how)
    )


@mutant("check_the_critic_advantages_equal_the_oracle")
def episode_goes_on_after_its_last_token(patch):
    """The last value stands in for a future that does not come."""
    right = critic_advantages.gae

    def bootstrapped(rewards, values, mask, **how):
        rows, last = torch.arange(len(mask)), mask.sum(1) - 1
        more = rewards.clone()
        more[rows, last] += how["gamma"] * values[rows, last]
        return right(more, values, mask, **how)

    patch.setattr(critic_advantages, "gae", bootstrapped)


@mutant("check_the_critic_advantages_equal_the_oracle")
def discount_ignored(patch):
    right = critic_advantages.gae
    patch.setattr(
        critic_advantages, "gae", lambda *given, gamma, gae_lambda: right(*given, gamma=1.0, gae_lambda=gae_lambda)
    )


@mutant("check_the_critic_advantages_equal_the_oracle")
def values_read_one_token_late(patch):
    right = Critic.values
    patch.setattr(Critic, "values", lambda self, forward: right(self, forward).roll(1, 0))


@mutant("check_the_critics_update_equals_the_oracle")
def value_of_a_first_token_at_the_token_itself(patch):
    """As if it stood on the branch's first token instead of the trunk's last."""
    right = TreeForward._before

    def shifted(self, packed):
        found = self.found
        self.found = [t._replace(at=1) if t.branch != TRUNK and t.at == 0 else t for t in found]
        try:
            return right(self, packed)
        finally:
            self.found = found

    patch.setattr(TreeForward, "_before", shifted)


@mutant("check_the_critic_advantages_equal_the_oracle")
def whitened_with_padding(patch):
    right = critic_advantages.whiten
    patch.setattr(critic_advantages, "whiten", lambda values, mask: right(values, torch.ones_like(mask)))


@mutant("check_the_critic_advantages_equal_the_oracle")
def whitened_group_by_group(patch):
    """Rows instead of the whole step."""
    right = critic_advantages.whiten
    patch.setattr(
        critic_advantages,
        "whiten",
        lambda values, mask: torch.stack([right(v, m) for v, m in zip(values, mask, strict=True)]),
    )


@mutant("check_the_critic_advantages_equal_the_oracle")
def kl_in_the_reward_reversed(patch):
    right = critic_advantages.kl_k1
    patch.setattr(critic_advantages, "kl_k1", lambda p, q: right(q, p))


@mutant("check_the_critic_advantages_equal_the_oracle")
def temperature_ignored_in_the_kl_of_the_reward(patch):
    right = token_scores.token_logprobs
    patch.setattr(token_scores, "token_logprobs", lambda logits, ids, temperature: right(logits, ids))


@mutant("check_the_critic_advantages_equal_the_oracle")
def returns_of_whitened_advantages(patch):
    """Whitening before the returns are taken makes the critic learn the scale of the batch."""
    right = critic_advantages.gae

    def white(rewards, values, mask, **how):
        found = right(rewards, values, mask, **how)
        advantages = critic_advantages.whiten(found.advantages, mask)
        return found._replace(advantages=advantages, returns=advantages + values)

    patch.setattr(critic_advantages, "gae", white)


@mutant("check_the_critics_update_equals_the_oracle")
def values_never_clipped(patch):
    right = critic.clipped_value_loss
    patch.setattr(critic, "clipped_value_loss", lambda *given, clip: right(*given, clip=1e9))


@mutant("check_the_critics_update_equals_the_oracle")
def value_clipped_around_the_return(patch):
    right = critic.clipped_value_loss
    patch.setattr(critic, "clipped_value_loss", lambda v, old, target, clip: right(v, target, old, clip=clip))


@mutant("check_the_critics_update_equals_the_oracle")
def the_smaller_of_both_value_losses(patch):
    patch.setattr(torch, "maximum", torch.minimum)


@mutant("check_how_the_critics_update_is_cut_changes_nothing")
def values_divided_by_each_micro_batchs_own_tokens(patch):
    right = Critic._loss
    patch.setattr(Critic, "_loss", lambda self, trees, _: right(self, trees, sum(t.num_learning for t in trees)))


@mutant("check_the_entropy_bonus_equals_the_oracle")
def entropy_punished(patch):
    right = token_scores.entropy
    patch.setattr(token_scores, "entropy", lambda logits, temperature: -right(logits, temperature=temperature))


@mutant("check_reinforce_equals_the_oracle")
def reinforce_by_the_surrogate(patch):
    patch.setattr(
        learner, "reinforce", lambda p, a: clipped_surrogate(p, p.detach() - 1, a, clip_low=0.2, clip_high=9.0).loss
    )


@mutant("check_leaving_one_out_equals_the_oracle")
def nobody_left_out(patch):
    patch.setattr(credit, "leave_one_out", group_relative)


@mutant("check_shuffled_rewards_say_nothing_of_their_group")
def rewards_shuffled_within_their_group(patch):
    patch.setattr(AlgorithmConfig, "has_group_baseline", property(lambda config: True))


@mutant("check_each_mini_batch_is_an_update")
def one_update_of_all_mini_batches(patch):
    patch.setattr(learner, "mini_batches", lambda trees, count: [trees])


@mutant("check_what_only_sounds_like_going_back_is_none")
def context_rules_dropped(patch):
    right = patterns._Rule.fires
    patch.setattr(patterns._Rule, "fires", lambda self, *at: right(dataclasses.replace(self, unless=()), *at))


@mutant("check_a_loop_of_words_counts_once")
def loops_count_each_time(patch):
    patch.setattr(repeats, "once", lambda text, spans: list(spans))


@mutant("check_a_numbered_loop_counts_once")
def rounds_keep_their_numbers(patch):
    patch.setattr(repeats, "fold", lambda text, places: (text, list(places)))


@mutant("check_numbers_in_a_sentence_make_it_another")
def numbers_within_are_taken_off_too(patch):
    def dashed(text):
        return "".join("0" if letter.isdigit() else letter for letter in text)

    fold, folded_sentence = repeats.fold, repeats.folded_sentence
    patch.setattr(repeats, "fold", lambda text, places: fold(dashed(text), places))
    patch.setattr(repeats, "folded_sentence", lambda sentence: folded_sentence(dashed(sentence)))


@mutant("check_a_sentence_counts_once")
def a_sentence_counts_once_per_pattern(patch):
    def each(self, text):
        for start, end, rules in self._sentences(text):
            plain = patterns.sentences.plain(text[start:end])
            for number in sorted(rules):
                if self._rules[number].fires(plain, text, start):
                    yield Span(behavior=self._rules[number].behavior, start=start, end=end, text=text[start:end])

    patch.setattr(patterns.PatternDetector, "_spans", each)


@mutant("check_giving_up_compares_nothing")
def whatever_follows_a_result_is_a_check(patch):
    right = functional.remarks

    def generous(text, found, target):
        said = {
            index: Remark(operation.start, operation.end, "judgement", "unequal")
            for index, operation in enumerate(found)
        }
        return said | dict(right(text, found, target))

    patch.setattr(functional, "remarks", generous)


@mutant("check_only_a_number_that_was_sought_is_compared_with")
def any_number_is_compared_with(patch):
    right = functional.remarks
    patch.setattr(
        functional, "remarks", lambda *of: {index: said._replace(bare=False) for index, said in right(*of).items()}
    )


@mutant("check_an_attempt_made_before_is_none")
def attempts_made_before_count(patch):
    right = functional.attempts
    patch.setattr(functional, "attempts", lambda *of: (dataclasses.replace(found, again=False) for found in right(*of)))


@mutant("check_the_final_answer_is_no_attempt")
def the_final_answer_is_an_attempt(patch):
    patch.setattr(functional, "_worked_out", functional.operations)


@mutant("check_a_number_used_twice_goes_on")
def a_number_used_twice_goes_back(patch):
    patch.setattr(functional_attempts._Tracer, "_goes_on", lambda self, index, here: False)


@mutant("check_a_goal_counts_when_it_is_reached")
def goals_that_are_never_reached_count(patch):
    patch.setattr(functional_records.Story, "reached_subgoals", property(lambda self: self.subgoals))


@mutant("check_from_a_target_that_was_made_no_step_goes_back")
def steps_back_from_a_target_that_was_made(patch):
    right = functional_backward.BackwardSteps._gap

    def forgetful(self, index, origin, other, attempt):
        derived, attempt.derived = attempt.derived, []
        try:
            return right(self, index, origin, other, attempt)
        finally:
            attempt.derived = derived

    patch.setattr(functional_backward.BackwardSteps, "_gap", forgetful)


@mutant("check_a_quote_must_stand_in_the_text")
def quotes_that_nobody_wrote_count(patch):
    right = judge_quotes.Page.find

    def lenient(self, quote, behavior, taken=()):
        return right(self, quote, behavior, taken) or Span(behavior=behavior, start=0, end=1, text=self.text[:1])

    patch.setattr(judge_quotes.Page, "find", lenient)


@mutant("check_an_answer_that_cannot_be_read_is_missing")
def an_answer_that_cannot_be_read_is_zero(patch):
    right = judge.quotes_in
    patch.setattr(judge, "quotes_in", lambda answer: right(answer) or ())


@mutant("check_kappa_is_that_of_the_textbook")
def kappa_without_chance(patch):
    patch.setattr(agreement, "_kappa", lambda sums: (sums[..., 0] + sums[..., 3]) / sums.sum(-1))


class _Live:
    """The model that learns, posing as its frozen copy."""

    def __init__(self, model):
        self.model = model

    def logprobs(self, forward, temperature):
        with torch.no_grad():
            return forward.scores(self.model, temperature=temperature).logprobs


class _Believing:
    """A probe that finds every path right: else a mutant of the shared path would be avoided instead of killed."""

    def measure(self, path):
        return Deviation(0.0, 0.0)


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_is_killed(name, monkeypatch):
    patch, killer = MUTANTS[name]
    CHECKS[killer]()
    patch(monkeypatch)
    monkeypatch.setattr(LocalModel, "probe", lambda self: _Believing())
    with pytest.raises(AssertionError):
        CHECKS[killer]()
