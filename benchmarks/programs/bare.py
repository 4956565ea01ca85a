"""The reference of the HTTP benchmark: a Flask view that does nothing."""

from flask import Flask

app = Flask(__name__)


@app.get("/")
def nothing() -> str:
    """Answer at once."""
    return "ok"
