"""A harness for verifiers v1 that asks once and needs no program: its own ones fetch theirs from the network."""

import httpx
import verifiers.v1 as vf

__all__ = ["ChatHarness"]


class ChatConfig(vf.HarnessConfig):
    """Nothing to set."""


class ChatHarness(vf.Harness[ChatConfig]):
    """Sends a task's prompt to the endpoint that it is given."""

    APPENDS_SYSTEM_PROMPT = True
    EXECUTES_CODE = False
    NEEDS_CONTAINER = False

    async def launch(self, ctx, trace, runtime, endpoint, secret, mcp_urls, data, tool_interception_url=None):
        """Ask once."""
        system, prompt = self.resolve_prompt(data)
        said = [vf.UserMessage(content=prompt)] if isinstance(prompt, str) else prompt
        said = [message.model_dump(exclude_none=True) for message in said]
        messages = [{"role": "system", "content": system}, *said] if system else said
        async with httpx.AsyncClient() as client:
            reply = await client.post(
                f"{endpoint.rstrip('/')}/chat/completions",
                headers={"Authorization": f"Bearer {secret}"},
                json={"model": ctx.model, "messages": messages},
            )
        return vf.ProgramResult(0 if reply.status_code == 200 else 1, reply.text, reply.text)
