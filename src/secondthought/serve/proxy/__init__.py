"""The proxy answers as an OpenAI-compatible server does, with a second thought where an answer fails its check.

| module | what it does with a request |
|---|---|
| `app` | takes it, and sends the answer |
| `gate` | lets it in: key, limits, back-pressure |
| `requests` | reads it |
| `checks` | finds what judges its answer |
| `conversation`, `upstream`, `local` | have its turns answered, by an endpoint or a local model |
| `passing` | sends it on as it is, where nothing checks its answer |
| `replies` | writes the answer, whole or as a stream |
| `stored`, `redaction` | keep what failed, where operator and client agree |
"""
