"""The embedded gateway: OpenAI's API in front, servers of several regions behind."""
