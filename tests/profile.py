"""How much the tests that can go on for ever do: little in `script/test`, much with GANWEI_PROFILE=nightly."""

import os

IS_NIGHTLY = os.environ.get("GANWEI_PROFILE") == "nightly"
