"""The proxy as clients see it: OpenAI's own client, faults of the upstream, limits, and what is left alone."""

import asyncio
import contextlib
import json
import time

import openai
import pytest
from misbehaving_server import body as raw
from misbehaving_server import completion, cut_off, dripping, hang_up, serving, silent, status
from proxied import FORM, TOOL, asking, body, by_turn, left_after, proxy_before, upstream_at

from secondthought.serve.proxy import replies
from secondthought.serve.proxy.gate import RequestLimits
from secondthought.serve.proxy.requests import read
from secondthought.tasks import load

WRONG, REFLECTION, RIGHT = "a is x", "I forgot JSON.", '{"a": "x"}'


def run(server, work, **settings):
    """Let `work(client, proxy)` ask a proxy before the server."""

    async def all_of_it():
        proxy = proxy_before(upstream_at(server), **settings)
        async with asking(proxy) as client:
            return await work(client, proxy)

    return asyncio.run(all_of_it())


def ask(server, *bodies, **settings):
    """Return the replies to bodies that are sent one after another, and the proxy's counts."""

    async def work(client, proxy):
        replies = [await client.post("/chat/completions", json=one) for one in bodies]
        return replies, proxy.counts

    return run(server, work, **settings)


class TestOpenAIsClient:
    """The real client, told another URL and nothing else."""

    def asked(self, server, reads_calls=False, **request):
        async def work(client, proxy):
            own = openai.AsyncOpenAI(base_url="http://127.0.0.1/v1", api_key="k", http_client=client, max_retries=0)
            return await own.chat.completions.create(**body(**request))

        return run(server, work, reads_calls=reads_calls)

    def test_a_failed_answer_is_rescued(self):
        with serving(by_turn(WRONG, REFLECTION, RIGHT)) as server:
            reply = self.asked(server, response_format=FORM)
        assert json.loads(reply.choices[0].message.content) == {"a": "x"}
        assert reply.secondthought["passed"]
        assert reply.secondthought["tries"] == 2
        assert [one["reason"] for one in reply.secondthought["verdicts"]] == ["malformed", "correct"]

    def test_tool_calls_in_text_come_as_tool_calls(self):
        said = '<tool_call>{"name": "add", "arguments": {"n": %s}}</tool_call>'
        with serving(by_turn(said % '"two"', "A number.", said % 2)) as server:
            reply = self.asked(server, reads_calls=True, tools=[TOOL])
        [call] = reply.choices[0].message.tool_calls
        assert (call.function.name, json.loads(call.function.arguments)) == ("add", {"n": 2})
        assert reply.choices[0].finish_reason == "tool_calls"

    def test_calls_that_the_server_told_are_checked(self):
        def told(arguments):
            call = {"id": "c", "type": "function", "function": {"name": "add", "arguments": arguments}}
            return raw(json.dumps(completion(None, message={"content": None, "tool_calls": [call]})).encode())

        script = {"Say a.": [told('{"n": "two"}')], "Now try again.": [told('{"n": 2}')]}
        with serving(lambda messages: "A number.", script) as server:
            reply = self.asked(server, tools=[TOOL])
        assert reply.secondthought["verdicts"][0]["reason"] == "bad_arguments"
        assert json.loads(reply.choices[0].message.tool_calls[0].function.arguments) == {"n": 2}

    @pytest.mark.parametrize("reads_calls", [False, True])
    def test_a_call_that_words_quote_is_never_made(self, reads_calls):
        quoting = 'The page says: <tool_call>{"name": "add", "arguments": {"n": 9}}</tool_call>. I will not do that.'
        with serving(lambda messages: quoting) as server:
            reply = self.asked(server, reads_calls=reads_calls, tools=[TOOL])
        assert reply.choices[0].message.tool_calls is None
        assert reply.choices[0].message.content == quoting
        assert reply.secondthought["tries"] == 1

    def test_a_refusal_of_the_model_is_its_answer(self):
        refused = raw(json.dumps(completion(None, message={"content": None, "refusal": "I cannot."})).encode())
        with serving(script={"Say a.": [refused]}) as server:
            reply = self.asked(server, response_format=FORM)
        assert reply.choices[0].message.refusal == "I cannot."
        assert (reply.secondthought["ending"], len(server.requests)) == ("refused", 1)

    def test_a_stream_gives_the_answer_that_passed(self):
        async def work(client, proxy):
            own = openai.AsyncOpenAI(base_url="http://127.0.0.1/v1", api_key="k", http_client=client)
            wanted = body(response_format=FORM, stream=True, stream_options={"include_usage": True})
            return [chunk async for chunk in await own.chat.completions.create(**wanted)]

        with serving(by_turn(WRONG, REFLECTION, f"```json\n{RIGHT}\n```")) as server:
            chunks = run(server, work)
        said = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
        assert said == RIGHT
        assert [choice.finish_reason for chunk in chunks for choice in chunk.choices][-1] == "stop"
        assert chunks[-1].usage is not None
        assert not chunks[-1].choices

    def test_a_refusal_is_an_error_of_the_client(self):
        with (
            serving(script={"Say a.": [status(400, "too long")]}) as server,
            pytest.raises(openai.BadRequestError) as e,
        ):
            self.asked(server, response_format=FORM)
        assert e.value.body["message"] == "too long"


class TestTurns:
    """What the upstream is asked."""

    def test_the_body_goes_on_as_it_came(self):
        given = body(response_format=FORM, temperature=0.3, seed=7, user="u", max_completion_tokens=99)
        with serving(by_turn(WRONG, REFLECTION, RIGHT)) as server:
            ask(server, {**given, "secondthought": {"tries": 2}, "stream": False})
        first, second, third = (request["body"] for request in server.requests)
        assert first == given
        assert third == {**given, "messages": third["messages"]}
        assert "response_format" not in second
        assert second["max_completion_tokens"] == 64
        assert "max_tokens" not in second
        assert [message["role"] for message in third["messages"]] == ["user", "assistant", "user", "assistant", "user"]
        assert third["messages"][2]["content"].endswith("The check says: The answer is no JSON: the JSON is broken.")

    def test_tools_stay_in_sight_of_a_reflection_and_none_may_be_called(self):
        with serving(by_turn('<tool_call>{"name": "sub", "arguments": {}}</tool_call>', "Hm.", "No.")) as server:
            ask(server, body(tools=[TOOL], tool_choice="required"))
        assert server.requests[1]["body"]["tools"] == [TOOL]
        assert server.requests[1]["body"]["tool_choice"] == "none"

    def test_another_model_may_reflect(self):
        with serving(by_turn(WRONG, REFLECTION, RIGHT)) as server:
            ask(server, body(response_format=FORM), reflector="adapter")
        assert [request["body"]["model"] for request in server.requests] == ["m", "adapter", "m"]

    def test_the_schema_is_told_in_words_where_the_server_does_not(self):
        with serving(by_turn(WRONG, REFLECTION, RIGHT)) as server:
            ask(server, body(response_format=FORM), tells=True)
        told = server.requests[0]["body"]["messages"][0]["content"]
        problem = load("chat_request").parse(body(response_format=FORM))
        assert told == problem.messages[0].content

    def test_where_nothing_passes_the_client_gets_the_latest_and_is_told(self):
        with serving(by_turn(*[WRONG] * 9)) as server:
            [reply], counts = ask(server, body(response_format=FORM, secondthought={"tries": 3}), tries=4)
        own = reply.json()["secondthought"]
        assert (own["passed"], own["tries"], own["ending"]) == (False, 3, "tries")
        assert counts.still_wrong == 1
        assert len(server.requests) == 5

    @pytest.mark.parametrize("content", ["Say a.", [{"type": "text", "text": "Say a."}, {"type": "image_url"}]])
    def test_pictures_go_on_and_are_checked(self, content):
        with serving(by_turn(WRONG, REFLECTION, RIGHT)) as server:
            [reply], _ = ask(
                server, {"model": "m", "messages": [{"role": "user", "content": content}], "response_format": FORM}
            )
        assert reply.json()["secondthought"]["passed"]
        assert server.requests[0]["body"]["messages"][0]["content"] == content


class TestChecks:
    def test_a_check_by_name_takes_the_clients_row(self):
        named = {"sums": lambda: load("countdown", {"preset": "tiny"})}
        data = {"numbers": [2, 3, 4], "target": 9}
        with serving(by_turn("8", "r", "<answer> 2 + 3 + 4 </answer>")) as server:
            [reply], _ = ask(server, body(secondthought={"check": "sums", "data": data}), checks=named)
        assert reply.json()["secondthought"] | {"verdicts": []} == {
            "check": "sums", "passed": True, "tries": 2, "ending": "passed", "verdicts": [],
        }  # fmt: skip

    def test_a_command_judges(self):
        named = {"tests": lambda: load("command:grep -q yes")}
        with serving(by_turn("no", "r", "yes")) as server:
            [reply], _ = ask(server, body(secondthought={"check": "tests"}), checks=named)
        assert reply.json()["choices"][0]["message"]["content"] == "yes"

    @pytest.mark.parametrize(
        ("request_", "says"),
        [
            ({"secondthought": {"check": "test"}}, "there is no check 'test' (did you mean 'tests'?); there are tests"),
            ({"secondthought": {"tires": 2}}, "has no field 'tires'; it has check, data, tries"),
            ({"secondthought": {"tries": 99}}, "must be a whole number from 1 to 8"),
            ({"secondthought": {"check": "tests", "data": {"x": 1}}}, "field 'question' is missing"),
            ({"messages": "hello"}, "'messages' must be a list"),
            ({"secondthought": {"check": "tests"}, "n": 2}, "'n' must be 1"),
        ],
    )
    def test_a_wrong_field_is_named_and_nothing_is_asked(self, request_, says):
        named = {"tests": lambda: load("command:grep -q yes")}
        with serving() as server:
            [reply], counts = ask(server, {**body(), **request_}, checks=named)
        assert reply.status_code == 400
        assert says in reply.json()["error"]["message"]
        assert not server.requests
        assert counts.refused == 1

    @pytest.mark.parametrize(
        "request_",
        [
            {"messages": [{"role": "robot", "content": ""}], "tools": [TOOL]},
            {"response_format": {"type": "json_schema"}},
            {"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": 3}}}},
            {"tools": [{"type": "custom", "custom": {"name": "x"}}]},
            {"tools": [TOOL], "tool_choice": {"type": "allowed_tools"}},
            {"tools": [TOOL], "n": 2},
        ],
    )
    def test_what_we_cannot_read_is_left_to_the_server(self, request_):
        with serving(lambda messages: "hi") as server:
            [reply], counts = ask(server, {**body(), **request_, "secondthought": {"tries": 2}})
        assert reply.json() == completion("hi")
        assert server.requests[0]["body"] == {**body(), **request_}, "our own field stays here"
        assert counts.passed_on == 1

    def test_the_operator_limits_tries(self):
        with serving(by_turn(*[WRONG] * 9)) as server:
            ask(server, body(response_format=FORM, secondthought={"tries": 8}), tries=2)
        assert len(server.requests) == 3

    def test_a_system_prompt_is_no_question(self):
        """Without a row, what a named check stores would be another prompt than the model was asked with."""
        named = {"tests": lambda: load("command:grep -q yes")}
        asked = {
            "model": "m",
            "messages": [
                {"role": "system", "content": "Be kind."},
                {"role": "user", "content": [{"type": "text", "text": "Go."}]},
            ],
        }

        async def work(client, proxy):
            call = read(json.dumps({**asked, "secondthought": {"check": "tests"}}).encode())
            return await proxy.checks.find(call)

        with serving() as server:
            found = run(server, work, checks=named)
        assert found.problem.data == {"question": "Go."}
        assert not found.is_text

    def test_a_row_with_fields_like_a_request_is_judged_by_its_own_task(self):
        named = {"tests": lambda: load("command:grep -q yes")}
        asked = body(
            secondthought={"check": "tests", "data": {"question": "?", "tools": "hammer", "response_format": 3}}
        )
        with serving(lambda messages: "yes") as server:
            [reply], _ = ask(server, asked, checks=named)
        assert reply.json()["secondthought"]["passed"]

    @pytest.mark.parametrize("content", [b"no", b"[1]", b"\xff", b"[" * 100_000])
    def test_what_is_no_request_is_refused(self, content):
        async def work(client, proxy):
            return await client.post("/chat/completions", content=content, headers={"content-type": "application/json"})

        with serving() as server:
            reply = run(server, work)
        assert reply.status_code == 400
        assert "JSON" in reply.json()["error"]["message"]


class TestFaults:
    """Of the upstream: what passes is waited out, what does not is told, what is there is not lost."""

    @pytest.mark.parametrize(
        "fault", [status(429), status(500), status(503, Retry_After="0"), cut_off, hang_up, raw(b"<html>")]
    )
    def test_what_passes_is_waited_out(self, fault):
        with serving(by_turn(WRONG, REFLECTION, RIGHT), {"Say a.": [fault, fault]}) as server:
            [reply], _ = ask(server, body(response_format=FORM))
        assert reply.json()["secondthought"]["passed"]

    @pytest.mark.parametrize(
        ("fault", "code", "says"),
        [
            (status(429, Retry_After="70"), 429, "busy"),
            (status(500), 500, "busy"),
            (status(404, "no such model"), 404, "no such model"),
            (cut_off, 502, "the connection was cut"),
            (raw(b"<html>"), 502, "the body is no chat completion"),
        ],
    )
    def test_what_does_not_is_told(self, fault, code, says):
        with serving(script={"Say a.": [fault] * 9}) as server:
            [reply], counts = ask(server, body(response_format=FORM))
        assert reply.status_code == code
        assert says in reply.json()["error"]["message"]
        assert counts.refused == 1
        assert reply.headers.get("retry-after") == ("70" if code == 429 else None)

    @pytest.mark.parametrize("turn", [1, 2])
    def test_a_later_turn_without_an_answer_loses_nothing(self, turn):
        faults = {text: [status(500)] * 9 for text in (["Now try again."] if turn == 2 else [])}
        reply = by_turn(WRONG, REFLECTION, RIGHT)
        if turn == 1:
            asked = load("chat_request").reflection_request
            faults = {f"{asked}\n\nThe check says: The answer is no JSON: the JSON is broken.": [status(500)] * 9}
        with serving(reply, faults) as server:
            [got], _ = ask(server, body(response_format=FORM))
        own = got.json()["secondthought"]
        assert got.status_code == 200
        assert got.json()["choices"][0]["message"]["content"] == WRONG
        assert (own["ending"], own["passed"], own["trouble"]) == ("lost", False, "busy")

    def test_time_is_limited_and_the_best_is_the_answer(self):
        with serving(by_turn(WRONG, REFLECTION, RIGHT), {"Now try again.": [silent(3)]}) as server:
            [reply], _ = ask(server, body(response_format=FORM), limits=RequestLimits(seconds=0.5))
        assert reply.json()["secondthought"]["ending"] == "time"

    def test_nobody_there(self):
        with serving() as server:
            pass
        [reply], _ = ask(server, body(response_format=FORM))
        assert reply.status_code == 502

    def test_the_key_is_not_told(self, monkeypatch):
        monkeypatch.setenv("UPSTREAM_KEY", "secret-key")

        async def all_of_it():
            proxy = proxy_before(upstream_at(server, key_variable="UPSTREAM_KEY"))
            async with asking(proxy) as client:
                return await client.post("/chat/completions", json=body(response_format=FORM))

        with serving(script={"Say a.": [status(400, "bad key secret-key")]}) as server:
            reply = asyncio.run(all_of_it())
        assert server.requests[0]["headers"]["Authorization"] == "Bearer secret-key"
        assert "secret" not in reply.text


class TestPassedOn:
    def test_without_a_check_a_body_and_its_reply_are_untouched(self):
        with serving(lambda messages: "hi") as server:
            [reply], counts = ask(server, body(logprobs=True, odd={"x": 1}, response_format={"type": "text"}))
        assert server.requests[0]["body"] == body(logprobs=True, odd={"x": 1}, response_format={"type": "text"})
        assert reply.json() == completion("hi")
        assert counts.passed_on == 1

    def test_other_paths(self):
        async def work(client, proxy):
            return await client.post("/embeddings?x=1", json={"messages": [{"content": "a"}]})

        with serving() as server:
            assert run(server, work).status_code == 200
        assert server.requests[0]["path"] == "/v1/embeddings?x=1"

    def test_a_refusal_keeps_its_status_and_words(self):
        with serving(script={"Say a.": [status(422, "no")]}) as server:
            [reply], _ = ask(server, body())
        assert (reply.status_code, reply.json()) == (422, {"error": {"message": "no"}})

    @pytest.mark.parametrize(
        "path", ["%2e%2e/admin", "..%2fadmin", "files", "fine_tuning/jobs", "models%3Fx=1", "models/../files"]
    )
    def test_the_operators_key_opens_no_other_route(self, path):
        async def work(client, proxy):
            return await client.get(f"http://127.0.0.1/v1/{path}")

        with serving() as server:
            assert run(server, work).status_code == 404
        assert not server.requests

    def test_the_key_is_not_told_in_what_is_passed_on(self, monkeypatch):
        monkeypatch.setenv("UPSTREAM_KEY", "secret-key")

        async def all_of_it():
            proxy = proxy_before(upstream_at(server, key_variable="UPSTREAM_KEY"))
            async with asking(proxy) as client:
                return await client.post("/chat/completions", json=body())

        echo = status(401, "no such key: secret-key", X_Key="secret-key")
        with serving(script={"Say a.": [echo]}) as server:
            reply = asyncio.run(all_of_it())
        assert reply.status_code == 401
        assert "secret" not in reply.text + str(reply.headers)
        assert "no such key: ***" in reply.text

    def test_a_stalled_body_ends_with_its_time(self):
        async def work(client, proxy):
            with contextlib.suppress(Exception):
                await client.post("/chat/completions", json=body())
            return await client.post("/chat/completions", json=body("Next."))

        begun = time.monotonic()
        with serving(lambda messages: "hi", {"Say a.": [dripping(4)]}) as server:
            reply = run(server, work, limits=RequestLimits(concurrency=1, queue=1, seconds=0.5))
        assert (reply.status_code, time.monotonic() - begun < 4) == (200, True)


class TestTheGate:
    @pytest.mark.parametrize(
        ("header", "code"), [({}, 401), ({"authorization": "Bearer no"}, 401), ({"authorization": "Bearer two"}, 200)]
    )
    def test_keys(self, header, code):
        async def work(client, proxy):
            return await client.post("/chat/completions", json=body(), headers=header)

        with serving() as server:
            assert run(server, work, keys=["one", "two"]).status_code == code
        assert all("two" not in str(request["headers"]) for request in server.requests)

    def test_another_name_of_the_host_is_refused(self):
        async def all_of_it():
            async with asking(proxy_before(upstream_at(server)), host="evil.example") as client:
                return await client.post("/chat/completions", json=body())

        with serving() as server:
            assert asyncio.run(all_of_it()).status_code == 403

    @pytest.mark.parametrize("headers", [{"content-type": "text/plain"}, {}])
    def test_a_form_of_a_page_is_refused(self, headers):
        async def work(client, proxy):
            return await client.post("/chat/completions", content=b"{}", headers=headers)

        with serving() as server:
            assert run(server, work).status_code == 415

    @pytest.mark.parametrize(
        ("headers", "code"),
        [
            ({"origin": "http://evil.example"}, 403),
            ({"sec-fetch-site": "cross-site"}, 403),
            ({"origin": "null"}, 403),
            ({"origin": "http://localhost:3000"}, 200),
        ],
    )
    def test_a_page_of_others_is_refused(self, headers, code):
        async def work(client, proxy):
            return await client.post("/chat/completions", json=body(), headers=headers)

        with serving() as server:
            assert run(server, work).status_code == code

    def test_health_is_for_this_machine_too(self):
        async def all_of_it():
            async with asking(proxy_before(upstream_at(server)), host="evil.example") as client:
                return await client.get("http://evil.example/health")

        with serving() as server:
            assert asyncio.run(all_of_it()).status_code == 403

    def test_a_long_body_is_refused(self):
        with serving() as server:
            [reply], _ = ask(server, body("x" * 2000), limits=RequestLimits(body_bytes=1000))
        assert reply.status_code == 413
        assert not server.requests

    def test_too_many_are_told_to_come_back(self):
        async def work(client, proxy):
            asked = [client.post("/chat/completions", json=body(response_format=FORM)) for _ in range(8)]
            return await asyncio.gather(*asked)

        with serving(lambda messages: RIGHT, pause=0.1) as server:
            replies = run(server, work, limits=RequestLimits(concurrency=2, queue=3))
        codes = sorted(reply.status_code for reply in replies)
        assert codes == [200] * 5 + [429] * 3
        assert all(reply.headers["retry-after"] == "1" for reply in replies if reply.status_code == 429)
        assert server.most_at_once == 2


def test_many_clients_get_their_own_answers():
    """Two hundred at once, faults among them: none is lost, none gets another's text."""

    def reply(messages):
        name = messages[0]["content"]
        return by_turn(f"{name}: no JSON", "r", json.dumps({"a": name}))(messages)

    names = [f"client {number}" for number in range(200)]
    faults = {name: [[status(429), status(500), cut_off, hang_up][number % 4]] for number, name in enumerate(names)}

    async def work(client, proxy):
        asked = [client.post("/chat/completions", json=body(name, response_format=FORM)) for name in names]
        return await asyncio.gather(*asked), proxy.counts

    with serving(reply, faults) as server:
        replies, counts = run(server, work, limits=RequestLimits(concurrency=32, queue=1000))
    assert [json.loads(got.json()["choices"][0]["message"]["content"]) for got in replies] == [
        {"a": name} for name in names
    ]
    assert (counts.requests, counts.rescued, counts.refused) == (200, 200, 0)


class TestHostileReplies:
    @pytest.mark.parametrize(
        "data",
        [
            b'{"choices": [{"message": {"content": "half \\ud83d"}}]}',
            b'{"choices": [{"message": {"content": "x"}, "logprobs": -Infinity}]}',
            b'{"choices": [{"message": {"content": "x", "tool_calls": [3, {"function": 4}]}}]}',
            b'{"choices": [{"message": {"content": "x"}}], "usage": {"prompt_tokens": "many"}}',
        ],
    )
    def test_what_json_cannot_hold_is_mended(self, data):
        with serving(script={"Say a.": [raw(data)]}) as server:
            [reply], _ = ask(server, body(tools=[TOOL]))
        assert reply.status_code == 200
        assert reply.json()["choices"]

    def test_an_error_of_the_server_keeps_its_code(self):
        own = {"error": {"message": "too long", "type": "invalid_request_error", "code": "context_length_exceeded"}}
        fault = lambda handler: handler.say(400, own)  # noqa: E731
        with serving(script={"Say a.": [fault]}) as server:
            [reply], _ = ask(server, body(response_format=FORM))
        assert (reply.status_code, reply.json()) == (400, own)

    def test_what_was_not_foreseen_is_told_and_counted(self, monkeypatch, caplog):
        def broken(*args):
            raise RuntimeError("a fault of ours")

        monkeypatch.setattr(replies, "answer", broken)
        with serving(by_turn(RIGHT)) as server:
            [reply], counts = ask(server, body(response_format=FORM))
        assert reply.status_code == 500
        assert "its log says why" in reply.json()["error"]["message"]
        assert "a fault of ours" in caplog.text
        assert counts.refused == 1


def test_a_client_that_leaves_takes_its_request_with_it():
    async def work(client, proxy):
        asked = asyncio.create_task(client.post("/chat/completions", json=body(response_format=FORM)))
        await asyncio.sleep(0.3)
        asked.cancel()
        await asyncio.sleep(0.2)
        begun = time.monotonic()
        reply = await client.post("/chat/completions", json=body("Next.", response_format=FORM))
        return reply.status_code, time.monotonic() - begun

    with serving(lambda messages: RIGHT, {"Say a.": [silent(5)]}) as server:
        code, seconds = run(server, work, limits=RequestLimits(concurrency=1, queue=1))
    assert (code, seconds < 3) == (200, True)


@pytest.mark.parametrize(
    ("path", "more"),
    [("/v1/chat/completions", {"response_format": FORM}), ("/v1/chat/completions", {}), ("/v1/completions", {})],
)
def test_whoever_has_left_keeps_no_place_whether_or_not_something_is_checked(path, more):
    async def work(client, proxy):
        begun = time.monotonic()
        await left_after(0.2, proxy, body(**more), path)
        reply = await client.post("/chat/completions", json=body("Next.", **more))
        return reply.status_code, time.monotonic() - begun, proxy.counts.left

    with serving(lambda messages: RIGHT, {"Say a.": [silent(5)]}) as server:
        code, seconds, left = run(server, work, limits=RequestLimits(concurrency=1, queue=1))
    assert (code, seconds < 3, left) == (200, True, 1)


def test_health_says_what_was_done():
    async def work(client, proxy):
        await client.post("/chat/completions", json=body(response_format=FORM))
        return (await client.get("http://127.0.0.1/health")).json()

    with serving(by_turn(RIGHT)) as server:
        found = run(server, work)
    assert (found["status"], found["requests"], found["right_at_once"]) == ("ok", 1, 1)
