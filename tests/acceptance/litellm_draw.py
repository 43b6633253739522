"""Has LiteLLM's router draw places of a configuration, and prints how often each came, as JSON.

Run by the tests with the interpreter that has LiteLLM: the configuration, the model and the number
of draws are the arguments.
"""

import json
import random
import sys
from collections import Counter


def main():
    """The draws, and one answer that LiteLLM makes itself."""
    import litellm
    import yaml

    file, model, number = sys.argv[1:]
    random.seed(7)
    with open(file) as text:
        config = yaml.safe_load(text)
    router = litellm.Router(model_list=config["model_list"], **config["router_settings"])
    drawn = Counter()
    for _ in range(int(number)):
        deployment = router.get_available_deployment(model=model, request_kwargs={})
        drawn["{region}/{point}".format(**deployment["model_info"])] += 1
    asked = [{"role": "user", "content": "?"}]
    answer = router.completion(model=model, messages=asked, mock_response="served")
    said = {"drawn": drawn, "answer": answer.choices[0].message.content}
    sys.stdout.write(json.dumps(said) + "\n")


main()
