"""What a model replies is taken in one form only, and nothing invented is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondthought.data.corpora.rewriting import replies
from secondthought.data.corpora.rewriting.replies import outcome_of
from secondthought.data.corpora.rewriting.rewrite import LeftOut, Rewrite

DOCUMENT = "What is 17 + 25? I add 17 and 25 and get 42. Wait, is it? 42 - 25 is 17, yes."
GOOD = "<question>What is 17 + 25?</question>\n<thoughts>I add 17 and 25 and get 42.</thoughts>\n<answer>42</answer>"


def test_a_reply_in_its_form_is_a_rewrite():
    found = outcome_of(f"\n{GOOD}\n", DOCUMENT)
    assert found == Rewrite(question="What is 17 + 25?", thoughts="I add 17 and 25 and get 42.", answer="42")
    assert found.completion == "<think>\nI add 17 and 25 and get 42.\n</think>\n<answer>42</answer>"


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("<none/>", replies.NO_EXERCISE),
        (" <none /> ", replies.NO_EXERCISE),
        ("", replies.OTHER_FORM),
        (f"Sure! {GOOD}", replies.OTHER_FORM),
        (f"{GOOD} I hope this helps.", replies.OTHER_FORM),
        (GOOD.removesuffix("</answer>"), replies.OTHER_FORM),
        (GOOD[:60], replies.OTHER_FORM),
        (GOOD + GOOD, replies.OTHER_FORM),
        (GOOD.replace("get 42", "get <answer>42</answer>"), replies.OTHER_FORM),
        (GOOD.replace("<answer>42", "<answer> "), replies.OTHER_FORM),
        (GOOD.replace("<answer>42", "<answer>43"), replies.NO_ANSWER_THERE),
        (GOOD.replace("<answer>42", "<answer>The sum is 42, as computed"), replies.NO_ANSWER_THERE),
        (GOOD.replace("What is 17 + 25?", "What is 17 + 25 + 0.5?"), replies.NO_NUMBER_THERE),
        (
            "<question>Wieviel ergibt 17 + 25?</question><thoughts>Ich rechne zusammen und erhalte 42.</thoughts>"
            "<answer>42</answer>",
            replies.LITTLE_SHARED,
        ),
    ],
)
def test_anything_else_is_left_out_with_its_reason_and_kept(reply, reason):
    found = outcome_of(reply, DOCUMENT)
    assert found == LeftOut(reason=reason, detail="" if reason == replies.NO_EXERCISE else reply)


@given(st.text(), st.text())
def test_no_text_is_too_odd(reply, document):
    assert isinstance(outcome_of(reply, document), LeftOut)


@given(st.text(alphabet="0123456789 .,$x=-", max_size=12))
def test_the_answer_of_a_rewrite_stands_in_its_document(answer):
    found = outcome_of(GOOD.replace(">42<", f">{answer}<"), DOCUMENT)
    if isinstance(found, Rewrite):
        assert found.answer.strip(" .,$").replace("$", "") in DOCUMENT
