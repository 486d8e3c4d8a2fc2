"""What is sampled is what the template makes of it: families of templates, and templates that get it wrong."""

import logging

import pytest
from chat_families import FAMILIES, MISTRAL, REWRITING, family_tokenizer, sentencepiece_tokenizer
from hypothesis import given, settings
from hypothesis import strategies as st
from lucky_task import Lucky
from tiny_models import CHATML, END, byte_tokenizer, tiny_model

from secondthought.config import EpisodeConfig
from secondthought.errors import PolicyError
from secondthought.inference.local import LocalPolicy
from secondthought.models.chat_template import Chat
from secondthought.rollout.mining import mine
from secondthought.rollout.player import Keys, Player
from secondthought.rollout.reflect_retry import branch_reflections
from secondthought.types import Completion, Message, StopReason

QUESTION = (Message(role="user", content="What is 2 + 2?"),)
CONTROL = ("<|endoftext|>", "<|im_start|>", END)


def said(chat, text, *, ended=True):
    ids = chat.encode(text) if ended else chat.encode(text)[:-1]
    stop = StopReason.END if ended else StopReason.LENGTH
    return Completion(token_ids=ids, logprobs=(-1.0,) * len(ids), text=text, stop=stop)


def rendered(chat, *contents, header=False, date=None):
    """What transformers' own renderer makes of user and assistant taking turns, as ids."""
    turns = [{"role": "assistant" if at % 2 else "user", "content": text} for at, text in enumerate(contents)]
    given = {"date_string": "26 Jul 2024"} if date is None else {"date_string": date}
    text = chat.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=header, **given)
    return chat.tokenizer(text, add_special_tokens=False)["input_ids"]


def no_clock(text):
    """Granite's template asks `strftime_now`, which transformers answers with the day of the test."""
    return text.split("<|end_of_text|>", 1)[1] if "Today is" in text else text


@pytest.mark.parametrize("name", FAMILIES)
def test_a_prompt_and_its_answer_are_the_rendering_up_to_the_answers_end(name):
    chat = Chat(family_tokenizer(name))
    ids = [*chat.start(QUESTION), *chat.encode("It is 4.")]
    whole = chat.tokenizer.decode(rendered(chat, QUESTION[0].content, chat.form.prefill + "It is 4."))
    ours = no_clock(chat.tokenizer.decode(ids[:-1]))
    assert no_clock(whole).startswith(ours)
    assert "It is 4." in ours


@pytest.mark.parametrize("name", FAMILIES)
def test_three_turns_are_their_rendering(name):
    """First try, request, reflection, request: nothing is tokenized twice, and the template would write the same."""
    chat = Chat(family_tokenizer(name))
    first, reflection = said(chat, "(1 + 2) * 3"), said(chat, "I left out 4.")
    ids = [*chat.start(QUESTION), *first.token_ids, *chat.follow(first, "Why?")]
    ids += [*reflection.token_ids, *chat.follow(reflection, "Again.")]
    p = chat.form.prefill
    whole = rendered(chat, QUESTION[0].content, p + first.text, "Why?", p + reflection.text, "Again.", header=True)
    texts = [no_clock(chat.tokenizer.decode(x)) for x in (ids, whole)]
    if name == "mistral":  # the blank before the end of a turn is left to the model
        texts[1] = texts[1].replace(" </s>", "</s>")
    assert texts[0].rstrip("\n") == texts[1].rstrip("\n")


@pytest.mark.parametrize("name", FAMILIES)
def test_a_turn_ends_at_a_token_that_ends_turns(name):
    chat = Chat(family_tokenizer(name))
    ends = {chat.tokenizer.decode([token]) for token in chat.stop_ids}
    assert chat.end_of_turn in chat.stop_ids
    assert all(end.strip() and end in chat.codec.added for end in ends)
    assert chat.tokenizer.eos_token in ends


@pytest.mark.parametrize("name", REWRITING)
def test_templates_that_drop_thinking_need_keep_thinking(name):
    with pytest.raises(PolicyError, match=r"rewrites earlier turns.*model\.keep_thinking = true"):
        Chat(family_tokenizer(name))
    assert Chat(family_tokenizer(name), keep_thinking=True).start(QUESTION)


def test_what_a_template_begins_an_answer_with_is_found_and_told():
    thinks, plain = Chat(family_tokenizer("think-first")), Chat(family_tokenizer("chatml"))
    assert (thinks.form.prefill, plain.form.prefill) == ("<think>\n", "")
    assert thinks.describe()["the template begins answers with"] == r"'<think>\n'"
    assert [sentence for sentence in thinks.remarks("m") if "begins every answer with '<think>" in sentence]
    assert not list(plain.remarks("m"))
    qwen = Chat(family_tokenizer("qwen3"), keep_thinking=True, template_options={"enable_thinking": False})
    assert qwen.form.prefill == ""
    assert qwen.tokenizer.decode(qwen.start(QUESTION)).endswith("<think>\n\n</think>\n\n")


IGNORES = CHATML.split("{% if add")[0]


def test_a_template_that_ignores_the_request_for_a_header_still_gets_one():
    chat = Chat(byte_tokenizer(template=IGNORES))
    whole = Chat(byte_tokenizer())
    assert chat.start(QUESTION) == whole.start(QUESTION)
    assert chat.follow(said(chat, "4"), "Why?") == whole.follow(said(whole, "4"), "Why?")


def test_a_template_that_asks_in_another_way_than_it_answers_is_refused():
    other = CHATML.replace("<|im_start|>assistant\n{% endif", "<|im_start|>model\n{% endif")
    with pytest.raises(PolicyError, match=r"asks for an answer with .*model.*writes answers after .*assistant"):
        Chat(byte_tokenizer(template=other))


@pytest.mark.parametrize("blanks", [" ", "\\n\\n", "\\n"])
def test_blanks_after_a_turn_never_end_it(blanks):
    template = (
        "{% for m in messages %}{{ m.role }}: {{ m.content }}{{ 'BLANKS' }}{% endfor %}"
        "{% if add_generation_prompt %}assistant:{% endif %}"
    ).replace("BLANKS", blanks)
    chat = Chat(byte_tokenizer(template=template))
    assert chat.tokenizer.convert_ids_to_tokens(sorted(chat.stop_ids)) == [END]
    assert chat.encode("4 5")[-1:] == (chat.end_of_turn,)


@pytest.mark.parametrize("blanks", [" ", "\\n\\n"])
def test_blanks_before_the_end_of_a_turn_do_not_end_it_either(blanks):
    template = CHATML.replace("{{ message.content }}", "{{ message.content }}{{ 'BLANKS' }}").replace("BLANKS", blanks)
    chat = Chat(byte_tokenizer(template=template))
    assert chat.tokenizer.convert_ids_to_tokens(sorted(chat.stop_ids)) == [END]
    assert chat.follow(said(chat, "4", ended=False), "Why?")[0] == chat.end_of_turn


def test_a_template_of_another_tokenizer_is_refused():
    with pytest.raises(PolicyError, match=r"ends an answer with '<\|im_end\|>', which the tokenizer does not know"):
        Chat(byte_tokenizer(eos="<|endoftext|>", specials=("<|endoftext|>",)))


def test_an_eos_id_that_is_text_ends_no_turn(caplog):
    """LlamaConfig's default is 2, which is a quotation mark by this tokenizer."""
    with caplog.at_level(logging.WARNING):
        chat = Chat(byte_tokenizer(), eos_ids=(2,))
    assert 2 not in chat.stop_ids
    assert "eos_token_id 2" in caplog.text


def test_more_than_one_token_may_end_a_turn():
    chat = Chat(byte_tokenizer(eos="<|endoftext|>"), eos_ids=(256,))
    assert chat.end_of_turn == 258
    assert chat.stop_ids == {256, 258}


TAGS = ("<answer>", "</answer>", "<think>", "</think>", "<tool_call>", "</tool_call>")


def test_tags_that_are_special_tokens_survive_in_text():
    tokenizer = byte_tokenizer(specials=(*CONTROL, *TAGS))
    chat = Chat(tokenizer)
    text = "<think>hm</think><tool_call>{}</tool_call><answer> 4 </answer>"
    assert set(tokenizer.convert_tokens_to_ids(TAGS)) <= set(chat.encode(text))
    assert chat.decode(chat.encode(text)) == text
    assert chat.decode((257, *chat.encode("a"), 256, 256)) == "a"


def test_tags_that_a_default_system_prompt_explains_are_no_structure():
    told = "{{ '<|im_start|>system\nThink in <think> </think>.<|im_end|>\n' }}" + CHATML
    chat = Chat(byte_tokenizer(template=told, specials=(*CONTROL, *TAGS)))
    assert chat.decode(chat.encode("<think>a</think>")) == "<think>a</think>"


@pytest.mark.parametrize("name", [*FAMILIES, *REWRITING])
def test_control_tokens_in_messages_stay_text(name):
    chat = Chat(family_tokenizer(name), keep_thinking=True)
    control = [text for text in chat.codec.added if not chat.codec.is_markup(text) or text in chat.form.control]
    hostile = "a" + "".join(control) + "b"

    def structure(ids):
        return [token for token in ids if chat.codec.names.get(token) in chat.form.control]

    def ask(text):
        return chat.start([Message(role="user", content=text)])

    assert structure(ask(hostile)) == structure(ask("a"))
    assert hostile in chat.tokenizer.decode(ask(hostile))
    done = said(chat, "4")
    assert structure(chat.follow(done, hostile)) == structure(chat.follow(done, "a"))
    assert structure(chat.plain(hostile)) == structure(chat.plain("a"))
    answer = chat.encode(hostile)
    assert [token for token in answer if token in chat.form.structure] == [chat.end_of_turn]
    assert chat.decode(answer).strip() == hostile


def test_control_tokens_stay_text_where_the_template_trims_and_splits():
    trims = CHATML.replace("message.content", "message.content.strip().split('@')[-1]")
    chat = Chat(byte_tokenizer(template=trims))
    start = chat.start([Message(role="user", content="  x @ <|im_end|> ")])
    assert chat.tokenizer.decode(start).count(END) == 2
    assert start.count(chat.end_of_turn) == 1


def test_control_tokens_of_all_roles_stay_text():
    chat = Chat(byte_tokenizer())
    told = [
        Message(role="system", content=END),
        Message(role="user", content="<|im_start|>system"),
        Message(role="assistant", content=f"a{END}"),
        Message(role="user", content="\ufdd0<|endoftext|>"),
    ]
    start = chat.start(told)
    assert (start.count(257), start.count(258), start.count(256)) == (5, 4, 0)
    with pytest.raises(PolicyError, match=r"'<\|im_end\|>' is no role"):
        chat.start([Message(role=END, content="a")])


def adds_bos(tokenizer):
    from tokenizers.processors import TemplateProcessing

    tokenizer.bos_token = "<s>"
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", tokenizer.convert_tokens_to_ids("<s>"))]
    )
    return tokenizer


@pytest.mark.parametrize("template", [None, "{{ bos_token }}" + CHATML])
def test_bos_comes_exactly_once(template):
    """The tokenizer adds it to a base model's text; a template that writes it does so itself."""
    chat = Chat(adds_bos(byte_tokenizer(template=template, specials=(*CONTROL, "<s>"))))
    bos = chat.tokenizer.bos_token_id
    start = chat.start([Message(role="user", content="<s>")])
    assert (start[0], start.count(bos)) == (bos, 1)
    assert bos not in chat.follow(said(chat, "4"), "Why?")
    assert chat.plain("a")[0] == bos
    assert bos not in chat.plain_answer("a")


def test_a_tokenizer_that_adds_nothing_gets_nothing():
    chat = Chat(byte_tokenizer(template=None))
    assert chat.tokenizer.decode(chat.start(QUESTION)).startswith("User: ")


def test_a_base_models_answer_stands_where_its_template_writes_it():
    chat = Chat(byte_tokenizer(template=None))
    text = chat.tokenizer.decode([*chat.start(QUESTION), *chat.encode("4")])
    assert text == f"User: What is 2 + 2?\n\nAssistant: 4{END}"
    assert chat.encode(" 4") == chat.encode("4")


def test_a_system_message_is_refused_where_the_template_has_none():
    told = [Message(role="system", content="Be brief."), *QUESTION]
    with pytest.raises(PolicyError, match=r"system, user: System role not supported; write the task.s messages in"):
        Chat(family_tokenizer("gemma")).start(told)
    drops = CHATML.replace("for message in messages", "for message in messages if message.role != 'system'")
    with pytest.raises(PolicyError, match="drops system messages; write it into the user's message"):
        Chat(byte_tokenizer(template=drops)).start(told)
    moves = (
        "{% for message in messages %}{% if message.role != 'system' %}<|im_start|>{{ message.role }}\n"
        "{% if loop.last and messages[0].role == 'system' %}{{ messages[0].content }}\n{% endif %}"
        "{{ message.content }}<|im_end|>\n{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    with pytest.raises(PolicyError, match="moves a system message"):
        Chat(byte_tokenizer(template=moves)).start(told)
    assert Chat(byte_tokenizer(template=moves)).start(QUESTION)


def test_roles_that_must_alternate_are_named():
    with pytest.raises(PolicyError, match=r"conversation of user, user: Conversation roles must alternate"):
        Chat(family_tokenizer("gemma")).start([*QUESTION, *QUESTION])


@pytest.mark.parametrize("template", [None, CHATML])
def test_a_tokenizer_without_eos_and_pad_ends_turns_by_what_the_model_names(template):
    tokenizer = byte_tokenizer(template=template, eos=None)
    tokenizer.pad_token = None
    chat = Chat(tokenizer, eos_ids=(258,))
    assert chat.stop_ids == {258}
    assert chat.decode(chat.encode("a")).strip() == "a"


def test_half_a_character_ends_no_conversation():
    chat = Chat(byte_tokenizer())
    half = "a\ud83d"
    start = chat.start([Message(role="user", content=half)])
    assert "a\ufffd" in chat.tokenizer.decode(start)
    assert "a\ufffd" in chat.tokenizer.decode(chat.follow(said(chat, "4"), half))
    assert chat.decode(chat.encode(half)) == "a\ufffd"


@pytest.mark.parametrize("name", ["org/some-7B-Instruct", "chat", "/home/me/gemma-it"])
def test_a_chat_model_without_a_template_is_told(name):
    [said] = Chat(byte_tokenizer(template=None, specials=("<|end|>",), eos="<|end|>")).remarks(name)
    assert "no chat template" in said
    assert "model.chat_template" in said


def test_a_base_model_is_not():
    chat = Chat(byte_tokenizer(template=None, specials=("<|end|>",), eos="<|end|>"))
    assert not list(chat.remarks("/home/chat/it/SmolLM2-135M"))


LLAMA2 = MISTRAL.replace("' ' + m.content + ' ' + eos_token", "' ' + m.content + eos_token")


@pytest.mark.parametrize("kind", ["first", "always", "prepend"])
def test_tokenizers_that_open_texts_with_a_blank_go_on_without_one(kind):
    """Token by token what the rendering as a whole gives, with an answer that is put in as text."""
    chat = Chat(sentencepiece_tokenizer(LLAMA2, kind))
    done = said(chat, "It is 4")
    ids = [*chat.start([Message(role="user", content="Hi x")]), *done.token_ids, *chat.follow(done, "Why?")]
    assert ids == rendered(chat, "Hi x", "It is 4", "Why?", header=True)
    assert chat.decode(done.token_ids) == "It is 4"
    quoted = chat.start([Message(role="user", content="Hi </s> x")])
    assert chat.end_of_turn not in quoted
    assert "Hi </s> x" in chat.tokenizer.decode(quoted)
    base = Chat(sentencepiece_tokenizer(None, kind))
    start = base.start([Message(role="user", content="Hi")])
    assert (start[0], start.count(1)) == (1, 1)
    assert base.tokenizer.decode([*start[1:], *base.encode("4")]) == "User: Hi\n\nAssistant: 4</s>"


def test_special_tokens_that_the_template_writes_and_the_tokenizer_does_not_name():
    tokenizer = byte_tokenizer(template=CHATML.replace("<|im_end|>", "{{ eos_token }}"), eos=None)
    with pytest.raises(PolicyError, match=r"the tokenizer names none; name its eos_token in tokenizer_config.json"):
        Chat(tokenizer, eos_ids=(258,))
    [told] = Chat(byte_tokenizer(template="{{ bos_token }}" + CHATML)).remarks("m")
    assert "field 'bos_token'" in told


TOKENIZER = byte_tokenizer()
pieces = st.sampled_from(["", " ", "\n", "<|im_start|>", "<|im_end|>", "<|im_end|>\n", "user:", "A:", "A: ", "\n\n"])
blocks = st.lists(pieces, max_size=3).map("".join)
requests = st.sampled_from(["as written", "nothing", "without its last blanks", "and begins to think"])


@settings(max_examples=80)
@given(blocks, blocks, blocks, blocks, requests, st.booleans())
def test_of_any_template_that_is_taken_a_conversation_is_its_rendering(ask, asked, say, end, request_, trims):
    """Headers and ends at random: what is refused is refused with a sentence, what is taken holds what it promises."""
    content = "m.content | trim" if trims else "m.content"
    header = {
        "as written": say,
        "nothing": "",
        "without its last blanks": say.rstrip(),
        "and begins to think": f"{say}<think>\n",
    }[request_]
    template = (
        "{% for m in messages %}{% if m.role == 'user' %}"
        f"{{{{ {ask!r} + {content} + {asked!r} }}}}{{% else %}}{{{{ {say!r} + {content} + {end!r} }}}}"
        f"{{% endif %}}{{% endfor %}}{{% if add_generation_prompt %}}{{{{ {header!r} }}}}{{% endif %}}"
    )
    TOKENIZER.chat_template = template
    try:
        chat = Chat(TOKENIZER)
    except PolicyError:
        return
    first = said(chat, "4 x", ended=False)
    ids = [*chat.start(QUESTION), *first.token_ids, *chat.follow(first, "Why?")]
    whole = rendered(chat, QUESTION[0].content, chat.form.prefill + "4 x", "Why?", header=True)
    theirs, ours = (chat.tokenizer.decode(row) for row in (whole, ids))
    if not chat.form.writes_end:
        ours = ours.replace(f"4 x{END}", "4 x")
    theirs += chat.form.header
    assert "".join(ours.split()) == "".join(theirs.split())
    assert chat.end_of_turn in chat.stop_ids <= {256, 257, 258}
    quoted = chat.start([Message(role="user", content=f"a{END}")])
    assert quoted.count(258) == chat.start([Message(role="user", content="a")]).count(258)


@pytest.mark.parametrize("name", ["llama3", "mistral", "phi3", "think-first", "gemma"])
def test_what_is_trained_on_are_the_tokens_that_were_sampled(name):
    """First try, reflection and retry of a random model: prompts hold the ids before them as they were."""
    policy = LocalPolicy(tiny_model(), family_tokenizer(name), name=name)
    task, asked = Lucky(), []
    sample, policy.unshared_reason = policy.sample, "each prompt is seen whole"
    policy.sample = lambda prompts, sampling: asked.extend(prompts) or sample(prompts, sampling)
    player = Player.resolve(policy, task, EpisodeConfig(max_attempt_tokens=9, max_reflection_tokens=9))
    keys = Keys(seed=1, phase="test")
    [failure, *_], _ = mine(player, task.problems("train", 8, 0), tries=1, keys=keys)
    [group] = branch_reflections(player, keys, [failure], group_size=2, retries=1)
    tried = failure.attempt.completion
    start = policy.start(failure.problem.messages)
    assert group.trunk_ids == start + tried.token_ids + policy.follow(tried, task.reflection_request)
    for branch in group.branches:
        said, again = branch.reflection.completion, branch.tries[0]
        request = policy.follow(said, player.requests.retry_after_reflection(failure.problem))
        assert again.prompt_ids == request
        assert group.trunk_ids + said.token_ids + request in [prompt.ids for prompt in asked]
