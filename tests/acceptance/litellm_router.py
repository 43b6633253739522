"""Drives LiteLLM's own router with the exported configuration and callback, and prints what came.

Run by the tests with the interpreter that has LiteLLM, in the folder that was exported; the
arguments are a number of requests and of clients. One line of JSON per answer, as they end.
"""

import asyncio
import gc
import json
import sys

gc.set_threshold(50_000, 20, 20)  # a quarter of LiteLLM's import was a search for garbage
ASKED = [{"role": "user", "content": "ping"}]


def say(**line):
    """One line of the result."""
    sys.stdout.write(json.dumps(line) + "\n")


async def ask(router, stream, **more):
    """One request: the model that answered, or how it failed."""
    from wattlas_litellm import callback

    try:
        made = await router.acompletion("llama", ASKED, stream=stream, **more)
        model = made.model
        if stream:
            async for part in made:
                model = part.model or model
        model_id = made._hidden_params.get("model_id")
        info = {"model_info": router.get_deployment(model_id).model_info.model_dump()}
        hook = callback.async_post_call_response_headers_hook
        headers = await hook({}, None, made, litellm_call_info=info)
        say(model=model.split("/")[-1], stream=stream, headers=headers)
    except Exception as error:
        say(error=type(error).__name__, stream=stream)


async def client(router, numbers):
    """Asks one after the other; each fourth is a stream."""
    while numbers:
        await ask(router, numbers.pop() % 4 == 0)


async def main():
    """Load, then tiers that are asked for, then without a service."""
    import litellm
    import yaml
    from wattlas_litellm import DecisionClient, callback

    with open("config.yaml") as file:
        config = yaml.safe_load(file)
    litellm.callbacks = [callback]
    router = litellm.Router(
        config["model_list"], **config["router_settings"], retry_after=0, disable_cooldowns=True
    )
    await ask(router, False)  # LiteLLM loads a part of itself now
    numbers = list(range(int(sys.argv[1]) - 1))
    await asyncio.gather(*(client(router, numbers) for _ in range(int(sys.argv[2]))))
    say(phase="asked")
    await asyncio.sleep(0.3)
    for tier in ("default", "flex"):
        await ask(router, False, service_tier=tier)
    say(phase="broken")
    await ask(router, True, max_tokens=666)
    await asyncio.sleep(0.3)
    await callback.drain()
    say(phase="away", open=len(callback._open), undecided=callback.undecided)
    callback._service = DecisionClient("http://127.0.0.1:9")
    for _ in range(4):
        await ask(router, False)
    say(phase="end", undecided=callback.undecided)


sys.path.insert(0, ".")
asyncio.run(main())
