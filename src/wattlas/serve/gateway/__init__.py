"""The embedded gateway: OpenAI's and Anthropic's APIs in front, servers of many regions behind."""
