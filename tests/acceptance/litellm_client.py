"""Asks a gateway through LiteLLM's library, and prints what came, one line of JSON each.

Run by the tests with the interpreter that has LiteLLM: URL and key are the arguments.
"""

import json
import sys

BASE, KEY = sys.argv[1:]
MESSAGES = [{"role": "user", "content": "ping"}]


def say(line):
    """One line of the result."""
    sys.stdout.write(json.dumps(line) + "\n")


def text_of(answer):
    """The text of a chat answer, whole or in chunks, and its model."""
    if hasattr(answer, "choices"):
        return answer.choices[0].message.content, answer.model
    chunks = list(answer)
    return "".join(c.choices[0].delta.content or "" for c in chunks), chunks[0].model


def main():
    """Every endpoint that the library has."""
    import litellm

    own = {"api_base": f"{BASE}/v1", "api_key": KEY}
    model = "openai/llama"
    for tier in ("default", "flex"):
        for stream in (False, True):
            made = litellm.completion(model, MESSAGES, stream=stream, service_tier=tier, **own)
            text, served = text_of(made)
            say(["chat", stream, tier, text, served])
        made = litellm.responses(input="ping", model=model, service_tier=tier, **own)
        say(["responses", False, tier, made.output[0].content[0].text, made.model])
        events = list(
            litellm.responses(input="ping", model=model, service_tier=tier, stream=True, **own)
        )
        text = "".join(e.delta for e in events if e.type == "response.output_text.delta")
        say(["responses", True, tier, text, events[-1].response.model])
        made = litellm.completion(
            "anthropic/llama", MESSAGES, api_base=BASE, api_key=KEY, max_tokens=9,
            extra_headers={"x-service-tier": tier},
        )  # fmt: skip
        say(["messages", False, tier, made.choices[0].message.content, made.model])
    made = litellm.embedding(model, ["ping"], encoding_format="float", **own)
    say(["embeddings", False, "auto", made.data[0]["embedding"], made.model])


main()
